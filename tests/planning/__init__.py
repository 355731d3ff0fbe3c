"""What comes before a plan is sealed."""
