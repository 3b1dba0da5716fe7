"""Who did what, in entries that each hold the hash of the one before."""
