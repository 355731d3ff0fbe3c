"""consent-sync: moves contact exports and their consents to marketing platforms.

read       export files -> records, all columns as text, numbered; malformed records apart
map        records x mapping -> identity, addresses, attributes, one consent intent per target
validate   mapped records -> valid parts, and withheld parts with the rule's name as the reason
resolve    valid records x what was last delivered x suppression -> changes, superseded, held, unchanged
batch      changes -> items: wire JSON and a batch number; opt-outs first
guard      the plan's figures x limits x history -> go or stop
deliver    plan x ledger -> requests; the ledger settles
reconcile  what is unknown -> read back, settle
record     settled outcomes -> state
report     outcomes -> files for people and for machines
"""

__version__ = "0.1.0"
