"""Invented exports, what their destinations have at the start, and the generator that plants known oddities in both."""
