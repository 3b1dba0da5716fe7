"""Drift: a sample of the screened ads, and how it differs from a reference."""
