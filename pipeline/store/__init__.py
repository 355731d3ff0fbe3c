"""An object store that several hosts share: state, evidence and people live on it, and runs are published there.

bucket      the store itself: reading, putting and removing objects, and what it refuses in plain words
place       where a home keeps its tables: in its folder, or on the store that it belongs to
joining     how a home comes to belong to a store
publishing  puts a run there: whole, and before anything of it is sent
fetching    brings a run that another host has planned, or has gone on with
following   what a host does when somebody was forgotten elsewhere
"""
