"""Reading an export in, and deciding its records."""
