"""The ledger: runs, batches and requests in a database, by which every run can be gone on with and proved.

ledger     what is told and asked: intentions before deeds, settlements, requests, permits
rows       settlements and batches as rows
tables     the tables that all parts of the product meet in
engine     SQLite or PostgreSQL, and how tables come to be
locks      locks that the database keeps, and connections that hold them
canaries   what is known of a run's first items
begun      work that a destination goes on with by itself
together   batches that travelled in one request
sequence   in which order runs were planned and wrote
"""
