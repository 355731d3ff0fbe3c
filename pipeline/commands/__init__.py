"""The command line's commands, by what they do to the destination; `pipeline.cli` names them in their order.

options   arguments and options that several commands share, and what a command is run with
writing   plan, apply, sync, resume, revert and report: the chain
reading   commands that write to no destination and make no run
proof     evidence and forget: what was told, and whom to forget
"""
