"""What is sent of a plan: whether it may be, in which order, a canary before the rest; and the record of it."""
