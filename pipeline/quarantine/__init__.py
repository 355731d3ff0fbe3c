"""Quarantine: records that failed are tried again by the next run of their mapping, until the destination has them.

tables      the ledger's tables: an entry for each record of a run that is to be tried again
entries     reading and writing them
rows        the entries' own rows, from the folders of the runs that read them
taking_up   planning: what becomes of each entry, and the rows that are read in
plan        what a plan did with the entries: its own file, under the plan's hash
recording   the end of a run: entries from its outcomes
figures     what of it a summary says
operating   the `quarantine` command
"""
