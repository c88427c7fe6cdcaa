"""The demonstration ministry: invented people and what is seeded for them. Never used in production mode."""
