"""The pacer, the book of turns and the governor."""
