"""Runs under faults: random schedules, killed processes, signals."""
