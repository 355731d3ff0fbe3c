"""The adapter of this destination."""
