"""The plan of a run: what would be sent, for each record why, and what it would change. Destinations are only read.

arrival       waits for an export that still grows
drafting      compares the export with the mapping, and reads it into shards
dividing      which record belongs to which shard
shard_limit   how many records are planned at once
deciding      every record of a shard: map, validate, resolve, batch
filling       requests that are full, where a small change has few items in each shard
sealing       the plan's figures, guards and hash
guard_figure  a guard with its figure, its limit and what it found
forecast      the requests to come, and how long they take
past          a run that is finished
reverting     the plan that takes back what one told
"""
