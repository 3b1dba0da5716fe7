"""Exemplars into a library and out of one: folders, CSV files with pictures, JSON lines."""
