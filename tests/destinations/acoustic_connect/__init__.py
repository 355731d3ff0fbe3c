"""Acoustic Connect over a socket."""
