"""The plan of a run: the export is read, divided, decided shard by shard, filled into requests, guarded and sealed."""
