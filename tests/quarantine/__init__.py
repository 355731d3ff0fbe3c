"""Records that failed are tried again, against the sandbox."""
