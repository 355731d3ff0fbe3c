"""Takes a contact out of everything that the home keeps, and remembers by keyed hashes that it may only be opted out.

forgetting  the order of an erasure request: who is meant, what is cleared, what cannot be reached
forgotten   who was forgotten; planning asks here about every record
erasing     a run's folder
reports     the reports of a run whose plan was changed by hand
ledger      messages and links in the ledger
audits      what `verify` found
"""
