"""What was told to destinations, so that it can be proved: a hash chain that names nobody, and who its rows are about.

chain       the Delta tables: appending blocks, and the people that subjects are
recording   what a run adds after it delivered
heads       where each chain ends, as the ledger knows it
pseudonym   the key by which an identity leads to its rows
telling     a contact's history
proving     whether every chain is unbroken
"""
