"""A stand-in for the vendors' APIs: a real server on 127.0.0.1 that keeps their rules.

It is written from the vendors' contracts alone and imports nothing of the rest of `pipeline`, so that a misreading
on one side shows on the other. `server.Sandbox` runs it in a thread, `python -m pipeline.sandbox` on its own.
"""
