"""Outcomes, rejects and summaries."""
