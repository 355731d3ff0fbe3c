"""Requests to a destination, with retries and limits. Policy is here; what an answer means, the adapter says.

sending        one request until its answer is clear, or patience ends
trial          the attempts at it
retry_after    how long an answer asks to wait
connection     a kept-alive connection for each thread, under httpx's errors
incoming       the answers on one, as their bytes come in
client         what requests go out by: such a connection, signed or not, or httpx's client
watchdog       an end to requests of httpx's client that are overdue
answer         a whole answer, whose JSON is read once
answer_limit   how large an answer may be
"""
