"""The invariants of the design, over generated exports and mappings."""
