"""Hands: processes that work on shards for a run that another process, its coordinator, holds.

orders       what a hand is asked to do, and what it tells: numbers and names of shards, nothing of anybody
crew         the coordinator's side: whom it lets work, whether they are at work, and when they are gone
joining      a hand's side: it belongs to a crew as long as the run's coordinator holds what it held
spreading    the coordinator gives out the shards of a phase, and waits for all of them
delivering   a hand delivers one shard of one phase
planning     a hand plans one shard

Who is allowed to send is for the ledger's database to say, never for the engine that started the hands: each check is
of a lock that dies with its holder.
"""
