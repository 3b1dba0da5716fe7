"""Rate, what is left, and how they are told."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from adjudicate.bulk.progress import Lines, Meter, duration, view


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(meter: Meter, clock: Clock, seconds: int, per_second: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        for _ in range(per_second):
            meter.add()
        meter.rate()


def test_the_rate_is_of_the_last_minute_and_not_of_earlier_runs() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.found(5_000)
    run(meter, clock, 30, 10)
    assert meter.rate() == pytest.approx(10)
    run(meter, clock, 90, 40)
    assert meter.rate() == pytest.approx(40)
    assert meter.done == 5_000 + 300 + 3_600


def test_what_is_left_follows_from_rate_and_total() -> None:
    clock = Clock()
    meter = Meter(clock)
    assert meter.eta() is None
    meter.total = 1_000
    assert meter.eta() is None
    run(meter, clock, 10, 20)
    assert meter.eta() == pytest.approx(40)


def test_a_line_says_all_of_it() -> None:
    clock = Clock()
    meter = Meter(clock)
    outcomes = Counter(reject=300, approve=900)
    meter.found(1_000)
    run(meter, clock, 10, 20)
    assert meter.line(outcomes) == "1,200, 20.0 ads/s: 900 approve, 300 reject"
    meter.total = 10_000
    meter.note = "waiting"
    said = "1,200 of 10,000 (12%), 20.0 ads/s, 7 min 20 s left: 900 approve, 300 reject; waiting"
    assert meter.line(outcomes) == said


def test_lines_repeat_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    meter, lines = Meter(clock), Lines(30, stream)
    lines.show(meter, Counter())
    lines.show(meter, Counter())
    run(meter, clock, 1, 1)
    lines.show(meter, Counter(approve=1))
    assert stream.getvalue() == "adjudicate: 0, 0.0 ads/s\nadjudicate: 1, 1.0 ads/s: 1 approve\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    clock = Clock()
    meter = Meter(clock)
    meter.total = 100
    run(meter, clock, 5, 10)
    bar = view(30)
    assert bar.every < 1
    bar.show(meter, Counter(approve=50))
    bar.close()
    assert "50 of 100 (50%), 10.0 ads/s, 5 s left: 50 approve" in terminal.getvalue()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert view(30).every == 30


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3_900, "1 h 5 min"),
        (86_400 * 2 + 3_600 * 3 + 5, "2 d 3 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
