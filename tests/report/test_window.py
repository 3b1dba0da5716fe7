"""Which window of time is meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from adjudicate.report.window import MOST_BINS, Window, duration, instant

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "since", "until", "meant"),
    [
        ("", "", "", ("11:30", "12:30")),
        ("15m", "", "", ("12:15", "12:30")),
        ("", "2026-03-01T10:00", "", ("10:00", "12:30")),
        ("1h30m", "2026-03-01T10:00", "", ("10:00", "11:30")),
        ("", "", "2026-03-01T10:00", ("09:00", "10:00")),
        ("90s", "", "2026-03-01T10:00:30", ("09:59", "10:00")),
        ("", "2026-03-01T10:00", "2026-03-01T10:05Z", ("10:00", "10:05")),
        ("", "2026-03-01T18:00+08:00", "2026-03-01T10:05", ("10:00", "10:05")),
        ("", "2026-03-01T18:00 08:00", "2026-03-01T10:05", ("10:00", "10:05")),
    ],
)
def test_two_of_three_say_the_window_and_the_hour_is_the_default(
    window: str, since: str, until: str, meant: tuple[str, str]
) -> None:
    found = Window.of(window, since, until, now=NOW)
    assert (f"{found.since:%H:%M}", f"{found.until:%H:%M}") == meant


@pytest.mark.parametrize(
    ("window", "since", "until", "said"),
    [
        ("1x", "", "", "duration is written"),
        ("h", "", "", "duration is written"),
        ("1h ", "", "", "duration is written"),
        ("0s", "", "", "longer than nothing"),
        ("32d", "", "", "at most 31 days"),
        ("9" * 400 + "d", "", "", "at most 31 days"),
        ("", "yesterday", "", "time is written"),
        ("", "2026-13-01", "", "time is written"),
        ("", "0001-01-01T00:00+14:00", "", "time is written"),
        ("1h", "", "0001-01-01", "calendar"),
        ("", "2026-03-01T13:00", "", "before it begins"),
        ("", "2026-03-01T10:00", "2026-03-01T10:00", "before it begins"),
        ("", "2026-01-01", "", "longer than 31 days"),
        ("1h", "2026-03-01T10:00", "2026-03-01T10:05", "all three"),
    ],
)
def test_what_is_no_window_is_said(window: str, since: str, until: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Window.of(window, since, until, now=NOW)


def test_a_window_sent_on_is_the_same_window() -> None:
    moment = datetime(2026, 3, 1, 12, 30, 1, 234_567, tzinfo=UTC)
    found = Window.of("7m", now=moment)
    assert Window.of(since=found.since.isoformat(), until=found.until.isoformat()) == found
    assert [found.edges[0], found.edges[-1]] == [
        found.since.timestamp(),
        found.until.timestamp(),
    ]


@pytest.mark.parametrize(("window", "parts"), [("5s", 1), ("90s", 9), ("1h", MOST_BINS)])
def test_its_parts_are_equal_and_not_too_many(window: str, parts: int) -> None:
    edges = Window.of(window, now=NOW).edges
    assert len(edges) == parts + 1
    lengths = {round(last - first, 3) for first, last in pairwise(edges)}
    assert lengths == {duration(window).total_seconds() / parts}


def test_durations_add_up() -> None:
    assert duration("1d2h3m4s") == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert instant("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
