"""What a run came to, or would come to, told to people and machines.

reporting      outcomes, rejects, summary and report
outcome_files  outcomes by record, though they come shard by shard
rejects        what was not delivered, to be corrected and run again
summary        counts by outcome, reason and transition
samples        a few records of each transition, masked
ended          how a run ended, for those who read its summary
problem        what stopped it
open_opt_outs  the opt-out clock
drift_report   what `verify` found
plan_tables    a plan's changes and guards as rows of text
advice         what each reason means, and what to do about it
"""
