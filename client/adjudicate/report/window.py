"""The window of a report, as people write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

DEFAULT = "1h"
LONGEST = timedelta(days=31)
BIN_S, MOST_BINS = 10.0, 120
"""Seconds of the shortest part of a window that is drawn on its own, and how many parts there
are at most."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)


@dataclass(frozen=True)
class Window:
    """From `since`, inclusive, until `until`, exclusive; both in UTC."""

    since: datetime
    until: datetime

    @classmethod
    def of(
        cls, window: str = "", since: str = "", until: str = "", *, now: datetime | None = None
    ) -> Window:
        """The window that is meant; an empty text says nothing.

        `window` is a duration: the last one, the one that begins at `since`, or the one that ends
        at `until`. Raises `ValueError` with a sentence for what cannot be read, for all three
        together, and for a window that is empty or longer than `LONGEST`.
        """
        moment = now or datetime.now(UTC)
        if window and since and until:
            raise ValueError("Name two of window, since and until; all three contradict or repeat.")
        length = duration(window or DEFAULT)
        if since:
            start = instant(since)
            ended = _moved(start, length) if window else moment
            end = instant(until) if until else ended
        else:
            end = instant(until) if until else moment
            start = _moved(end, -length)
        if start >= end:
            raise ValueError(f"The window ends, {shown(end)}, before it begins, {shown(start)}.")
        if end - start > LONGEST:
            raise ValueError(f"The window is longer than {LONGEST.days} days.")
        return cls(start, end)

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.until - self.since).total_seconds()

    @cached_property
    def edges(self) -> list[float]:
        """Unix times, seconds, between which its parts lie: one more than there are parts."""
        parts = min(MOST_BINS, max(1, int(self.seconds / BIN_S)))
        start = self.since.timestamp()
        return [start + self.seconds * place / parts for place in range(parts)] + [
            self.until.timestamp()
        ]


def duration(text: str) -> timedelta:
    """`90s`, `15m`, `1h`, `1h30m`, `7d`. Raises `ValueError`."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"A duration is written 90s, 15m, 1h, 1h30m or 7d, not {text[:50]!r}.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"A window is longer than nothing and at most {LONGEST.days} days long.")
    return timedelta(seconds=seconds)


def instant(text: str) -> datetime:
    """ISO 8601: `2026-03-01`, `2026-03-01T12:00`, with `Z` or `+08:00`; else UTC is meant.

    Raises `ValueError`.
    """
    try:
        # In a URL's query an unescaped + is a blank.
        read = datetime.fromisoformat(re.sub(r"(T\S+) (\d\d:?\d\d)$", r"\1+\2", text))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"A time is written 2026-03-01T12:00, or with an offset, not {text[:50]!r}."
        ) from None


def shown(moment: datetime) -> str:
    """`2026-03-01 12:00:00`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        raise ValueError(f"{shown(moment)} is too near the end of the calendar.") from None
