"""How soon a case should be looked at."""

from __future__ import annotations

from typing import Any

import pytest

from adjudicate.documents import Decision
from executors.ledger.queue.priority import MINUTE, due_of, priority_of
from tests.ledger.queue.desk import match


def decision(**fields: Any) -> Decision:
    return Decision(**{"outcome": "escalate", "matches": match("medium"), **fields})


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (priority_of("appeal", decision()), priority_of("escalation", decision())),
        (priority_of("escalation", decision()), priority_of("audit_sample", decision())),
        (
            priority_of("escalation", decision(matches=match("high"))),
            priority_of("escalation", decision(matches=match("medium"))),
        ),
        (
            priority_of("escalation", decision(matches=match("medium"))),
            priority_of("escalation", decision(matches=match("low"))),
        ),
        (
            priority_of("escalation", decision(reasons=["near_duplicate:hash"])),
            priority_of("escalation", decision(reasons=["near_duplicate:similarity"])),
        ),
        (
            priority_of("escalation", decision(reasons=["x", "near_duplicate:similarity"])),
            priority_of("escalation", decision(reasons=["uncertain"])),
        ),
        (
            priority_of("escalation", decision(), 0.64),
            priority_of("escalation", decision(), 0.36),
        ),
    ],
)
def test_what_is_graver_goes_first(more: int, less: int) -> None:
    assert more > less


def test_the_points_are_those_of_the_table() -> None:
    gravest = decision(matches=match("high"), reasons=["near_duplicate:hash"])
    assert priority_of("appeal", gravest, 1.0) == 1_000
    least = decision(matches=match("low"), reasons=["audit_sample"])
    assert priority_of("audit_sample", least, 0.0) == 0
    assert priority_of("escalation", decision(matches=match("")), 0.5) == 200 + 150 + 50


def test_a_look_alike_does_not_make_a_case_grave() -> None:
    good = decision(matches=match("high", polarity="lookalike"))
    assert priority_of("escalation", good) == priority_of("escalation", decision(matches=match("")))


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"outcome": "reject", "confidence": 0.9}, 90),
        ({"outcome": "approve", "confidence": 0.9, "judged": True}, 10),
        ({"outcome": "approve", "confidence": 0.0}, 50),
        ({"outcome": "escalate", "confidence": 0.0}, 50),
    ],
)
def test_without_the_judges_probability_the_decision_says_it(
    fields: dict[str, Any], points: int
) -> None:
    low = match("low")
    assert priority_of("audit_sample", decision(matches=low, **fields)) == points


def test_a_point_is_worth_a_minute_of_waiting() -> None:
    now = 1_700_000_000
    assert due_of(now, 1_000) < due_of(now - 999 * MINUTE, 0)
    assert due_of(now + 1_001 * MINUTE, 1_000) > due_of(now, 0)
