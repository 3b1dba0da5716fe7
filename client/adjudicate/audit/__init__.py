"""The audit trail as anybody can check it: what is hashed, and how each entry holds the one
before."""
