"""Not twice: verdicts by content, in memory or in Redis, and one judging of what is in flight."""
