"""What is on record of decisions: found, put together, exported, expired and erased."""
