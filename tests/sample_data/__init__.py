"""The sample data are what their generator makes, and the example mappings make of them what it says it planted."""
