"""A flood of lines is bounded and counted; reviews are not."""

from __future__ import annotations

import logging

import pytest

from executors.shared.logs.flood import (
    BURST,
    MAX_KINDS,
    QUIET_S,
    REFILL_S,
    TOGETHER,
    TOGETHER_S,
    FloodBound,
)
from executors.shared.logs.lines import fields


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bound(clock: Clock) -> FloodBound:
    return FloodBound(clock)


def record(
    message: str = "refused",
    name: str = "adjudicate.requests",
    level: int = logging.INFO,
    **more: str,
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, None, None)
    made.__dict__.update(more)
    return made


def told(records: list[logging.LogRecord]) -> list[int]:
    """How many lines each of them says were left out."""
    return [record.fields["left_out"] for record in records if hasattr(record, "fields")]


def test_of_one_kind_a_burst_is_written_and_then_a_line_now_and_then(
    bound: FloodBound, clock: Clock
) -> None:
    written = 0
    for _ in range(10 * BURST):
        written += len(bound.admit(record()))
    assert written == BURST
    clock.now += REFILL_S
    (next_one,) = bound.admit(record())
    assert told([next_one]) == [9 * BURST]
    assert bound.admit(record()) == []


def test_what_was_left_out_is_said_beside_the_lines_own_values(
    bound: FloodBound, clock: Clock
) -> None:
    for _ in range(BURST + 3):
        bound.admit(record())
    clock.now += REFILL_S
    flooded = record()
    flooded.__dict__.update(fields(code="rate_limited"))
    bound.admit(flooded)
    assert flooded.fields == {"code": "rate_limited", "left_out": 3}  # type: ignore[attr-defined]


def test_another_kind_is_written_meanwhile(bound: FloodBound) -> None:
    for _ in range(BURST + 1):
        bound.admit(record(kind="http unauthenticated "))
    assert bound.admit(record(kind="http unauthenticated ")) == []
    for other in (
        record(kind="http rate_limited key:a"),
        record("died"),
        record(level=logging.ERROR),
        record(name="executors.judge"),
    ):
        assert bound.admit(other) == [other]


def test_many_kinds_together_are_bounded_too(bound: FloodBound, clock: Clock) -> None:
    def flood() -> int:
        return sum(len(bound.admit(record(f"one of many {n}"))) for n in range(3 * TOGETHER))

    assert flood() == TOGETHER
    clock.now += 10 * TOGETHER_S
    assert flood() == 10


def test_messages_without_end_take_no_memory_without_end(bound: FloodBound) -> None:
    for n in range(3 * MAX_KINDS):
        bound.admit(record(f"one of many {n}"))
    assert len(bound._kinds) == MAX_KINDS
    assert sum(told(bound.rest())) == 3 * MAX_KINDS - TOGETHER


def test_reviews_and_what_is_debugged_are_all_written(bound: FloodBound) -> None:
    for each in (record(name="adjudicate.reviews"), record(level=logging.DEBUG)):
        assert sum(len(bound.admit(each)) for _ in range(2 * TOGETHER)) == 2 * TOGETHER


def test_the_rest_of_a_flood_that_ended_is_told_with_a_later_line(
    bound: FloodBound, clock: Clock
) -> None:
    for _ in range(BURST + 7):
        bound.admit(record("failed", level=logging.WARNING))
    clock.now += QUIET_S
    rest, other = bound.admit(record("another"))
    assert (rest.getMessage(), rest.levelno, told([rest])) == ("failed", logging.WARNING, [7])
    assert other.getMessage() == "another"
    assert bound.rest() == []


def test_the_rest_is_told_at_the_end_and_of_what_kind_it_was(bound: FloodBound) -> None:
    for _ in range(BURST + 7):
        bound.admit(record(kind="http no_ads key:a"))
    (rest,) = bound.rest()
    assert rest.fields == {"kind": "http no_ads key:a", "left_out": 7, "ended": True}  # type: ignore[attr-defined]
    assert bound.rest() == []
