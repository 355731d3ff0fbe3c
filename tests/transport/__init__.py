"""Requests, their retries, limits and connections."""
