"""How fast a destination is asked, by all who ask it at the same time.

turns        hands turns to the threads of a command, and waits so that a stop ends it
desk         where turns come from: a book of its own, or the ledger's
allowance    the book of turns, reckoned
book         the same in the ledger's database, for all commands that share it
throttling   what is learned from being throttled
governor     requests in flight and rows in a request: halved where answers do not come in time, then grown again
"""
