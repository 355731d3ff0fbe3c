"""What a run came to, told: outcomes and rejects as files, the summary, the report, the opt-out clock."""
