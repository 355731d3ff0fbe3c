"""Hands: processes that work on shards for a run that another process, its coordinator, holds.

orders       what a hand is asked to do, and what it tells: numbers and names of shards, nothing of anybody
crew         the coordinator's side: whom it lets work, whether they are at work, and when they are gone
joining      a hand's side: it belongs to a crew as long as the run's coordinator holds what it held
waiting      orders are given out to a crew, and waited for until nobody is at work any more
spreading    the coordinator gives out the shards of a phase; the next phase begins when nobody is at work
plan_spreading  the coordinator gives out the shards of a plan
delivering   a hand delivers one shard of one phase
planning     a hand plans one shard
doing        a hand does what it is asked for, whatever that is

Who is allowed to send is for the ledger's database to say, never for the engine that started the hands: each check is
of a lock that dies with its holder.
"""
