"""Moments as the ledger's tables have them: UTC, ISO 8601, of one length, so they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def stamp(seconds: float = 0.0) -> str:
    """So many seconds from now, to the millisecond."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def unix(at: str) -> int:
    """Unix time of a moment, seconds. Raises `ValueError` for what is none."""
    return int(datetime.fromisoformat(at).timestamp())
