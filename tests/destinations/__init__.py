"""Destinations against their sandboxes."""
