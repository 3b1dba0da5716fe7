"""Traces, metrics, logs and health of a process."""
