"""Which codes count against the service: those that a caller can do nothing about."""

from adjudicate.errors import STATUS

FAULTS = tuple(sorted(str(code) for code, status in STATUS.items() if status.http >= 500))
"""Codes of HTTP's 5xx."""
ANY_FAULT = "=~" + "|".join(FAULTS)
"""As a matcher of `grafana.promql`."""
