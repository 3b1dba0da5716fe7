"""What another threshold would do to answered ads, and to what was flagged."""

from __future__ import annotations

from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import Match, Problem, ThresholdEffect
from executors.ledger.learning.effect import MOST_POINTS, Effects, _spread
from executors.ledger.store import DecisionStore
from tests.ledger.learning.made import on_both, record, rule_on, violation

ENCODER = "clip-handmade"


@pytest.fixture
def effects(store: DecisionStore) -> Effects:
    return Effects(store.engine, 0.95, max_matches=3)


def ad(store: DecisionStore, name: str, *matches: Match, ruling: str = "", **fields: Any) -> None:
    versions = {"encoder": fields.pop("encoder", ENCODER)}
    found = DocList[Match](matches)
    record(store, name, matches=found, versions=versions, flagged=True, **fields)
    if ruling:
        rule_on(store, name, ruling)


def asked(threshold: float | None = None, **fields: Any) -> ThresholdEffect:
    said = {"category": "cure", "signal": "image", "encoder_version": ENCODER, "current": 0.8}
    return ThresholdEffect(threshold=threshold, **{**said, **fields})


@on_both
def test_precision_and_recall_are_those_of_the_answered_ads_at_each_threshold(
    store: DecisionStore, effects: Effects
) -> None:
    for at, ruling in enumerate(("approve", "reject", "approve", "reject", "reject")):
        ad(store, str(at), violation(similarity=0.81 + at * 0.02), ruling=ruling)
    ad(store, "unanswered", violation(similarity=0.99))
    ad(store, "another category", violation("weight-loss"), ruling="reject")
    ad(store, "another signal", violation(signal="text"), ruling="reject")
    ad(store, "a look-alike", violation(polarity="lookalike"), ruling="approve")
    ad(store, "another encoder", violation(), ruling="reject", encoder="old")
    found = effects.fill(asked(0.84))
    assert (found.answered, found.positives, found.lowest) == (5, 3, pytest.approx(0.81))
    shown = [(p.flagged, p.violations, p.precision, p.recall) for p in found.points]
    assert shown == [
        (5, 3, pytest.approx(0.6), 1.0),
        (4, 3, pytest.approx(0.75), 1.0),
        (3, 2, pytest.approx(2 / 3), pytest.approx(2 / 3)),
        (2, 2, 1.0, pytest.approx(2 / 3)),
        (1, 1, 1.0, pytest.approx(1 / 3)),
    ]
    assert found.now is not None
    assert found.then is not None
    assert (found.now.flagged, found.then.flagged) == (5, 3)
    assert found.now.precision_low < 0.6 < found.now.precision_high
    assert any("5 ads were answered" in note.text for note in found.notes)


@on_both
def test_what_a_higher_threshold_would_let_through_is_counted(
    store: DecisionStore, effects: Effects
) -> None:
    ad(store, "through", violation(similarity=0.85), outcome="reject")
    ad(store, "cleared since", violation(similarity=0.85), outcome="reject", ruling="approve")
    ad(store, "stays", violation(similarity=0.95), outcome="reject")
    ad(store, "by a term", violation(similarity=0.85), violation(signal="term", category=""))
    ad(store, "by another", violation(similarity=0.85), violation("safety", similarity=0.9))
    ad(store, "full", *[violation(similarity=0.85)] * 3)
    ad(store, "look-alike", violation(similarity=0.85), violation(polarity="lookalike"))
    found = effects.fill(asked(0.9))
    assert (found.flagged, found.unflagged, found.unflagged_rejected) == (7, 3, 1)
    lower = effects.fill(asked(0.7))
    assert (lower.unflagged, lower.unflagged_rejected) == (0, 0)


def test_below_what_was_ever_recorded_it_says_that_nothing_is_known(
    store: DecisionStore, effects: Effects
) -> None:
    ad(store, "a", violation(similarity=0.85), ruling="reject")
    found = effects.fill(asked(0.6))
    assert any("Nothing below 0.850 was recorded" in note.text for note in found.notes)


def test_without_answers_it_says_so_and_shows_nothing(
    store: DecisionStore, effects: Effects
) -> None:
    found = effects.fill(asked(0.9))
    assert (found.answered, list(found.points), found.lowest) == (0, [], None)
    assert found.then is not None
    assert (found.then.precision, found.then.recall) == (None, None)
    assert [note.code for note in found.notes] == ["none_resemble"]


def test_what_the_library_refused_is_left_alone(effects: Effects) -> None:
    refused = asked(problem=Problem(code="invalid_field"))
    assert effects.fill(refused).answered == 0
    off = effects.fill(asked(None, current=None))
    assert (off.now, off.then) == (None, None)


def test_of_many_points_some_are_shown_with_both_ends() -> None:
    values = [at / 1_000 for at in range(1_000)]
    shown = _spread(values)
    assert (len(shown), shown[0], shown[-1]) == (MOST_POINTS, values[0], values[-1])
    assert _spread([0.5]) == [0.5]
