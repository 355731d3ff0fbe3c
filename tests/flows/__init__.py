"""The Prefect flow, in this process and in one of its own."""
