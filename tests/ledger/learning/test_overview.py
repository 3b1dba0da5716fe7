"""How the service does now: volume, outcomes, latency, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from adjudicate.documents import Case, Decision, Overview
from adjudicate.errors import AdError, Code
from executors.ledger.learning import overview
from executors.ledger.learning.activity import activity
from executors.ledger.quality.tally import Counts, Tally
from executors.ledger.store import COUNTS, QUEUE, DecisionStore
from executors.ledger.times import stamp
from executors.shared.database import writing
from tests.ledger.learning.made import on_both, record, rule_on


def count(store: DecisionStore, outcome: str, ms: float, back_h: float = 0.0) -> None:
    at = (datetime.now(UTC) - timedelta(hours=back_h)).isoformat(timespec="milliseconds")
    decision = Decision(outcome=outcome, timings={"encoder": ms}, judged=ms > 500, decided_at=at)
    tally = Tally(0.0, activity)
    tally.count(Case(audit=False), decision)
    Counts(store.engine, COUNTS).add(tally.take())


def read(store: DecisionStore, hours: float = 0.0) -> Overview:
    found = Overview(hours=hours)
    with store.engine.connect() as connection:
        overview.fill(connection, found)
    return found


@on_both
def test_decisions_are_shown_by_the_hour_with_outcomes_and_times(store: DecisionStore) -> None:
    for ms in (10.0, 10.0, 10.0, 1_000.0):
        count(store, "approve", ms)
    count(store, "reject", 10.0, back_h=2)
    count(store, "reject", 10.0, back_h=30)
    found = read(store)
    assert (found.hours, len(found.hourly)) == (24.0, 24)
    assert (found.ads, found.outcomes, found.judged) == (5, {"approve": 4, "reject": 1}, 1)
    last = found.hourly[-1]
    assert (last.ads, last.outcomes, last.judged) == (4, {"approve": 4}, 1)
    assert last.p50 == pytest.approx(10, rel=0.05)
    assert last.p95 == found.judged_p50 == pytest.approx(1_000, rel=0.05)
    assert (found.hourly[-3].ads, found.hourly[0].ads, found.hourly[0].p50) == (1, 0, None)
    assert last.at[:13] == stamp()[:13]
    assert found.since == found.hourly[0].at


@on_both
def test_what_waits_is_shown_by_kind_and_age(store: DecisionStore) -> None:
    record(store, "new")
    record(store, "claimed", at=stamp(-2 * 3_600))
    record(store, "sample", "approve", audit=True, at=stamp(-30 * 3_600))
    record(store, "ancient", at=stamp(-100 * 3_600))
    with writing(store.engine) as connection:
        mine = QUEUE.c.decision_id == "claimed"
        connection.execute(update(QUEUE).where(mine).values(lease_until=stamp(60)))
    found = read(store)
    assert (found.waiting, found.claimed) == (4, 1)
    assert found.waiting_by_kind == {"escalation": 3, "audit_sample": 1}
    assert found.waiting_by_age == {"1h": 1, "4h": 1, "24h": 0, "72h": 1, "more": 1}
    assert found.oldest_at < stamp(-99 * 3_600)
    assert sum(hour.queued for hour in found.hourly) == 2


@on_both
def test_how_long_people_took_is_of_the_cases_settled_in_the_window(store: DecisionStore) -> None:
    for at, name in enumerate(("a", "b", "c")):
        record(store, name, at=stamp(-3_600 * (at + 1)))
        rule_on(store, name, "reject")
    record(store, "before", at=stamp(-200 * 3_600))
    rule_on(store, "before", "reject", at=stamp(-100 * 3_600))
    found = read(store)
    assert (found.settled, found.waiting, found.oldest_at) == (3, 0, "")
    assert found.settle_p50_s == pytest.approx(7_200, abs=60)
    assert found.hourly[-1].settled == 3


def test_without_anything_it_is_empty(store: DecisionStore) -> None:
    found = read(store, 1)
    assert (found.ads, found.p50, found.waiting, found.settle_p50_s) == (0, None, 0, None)
    assert len(found.hourly) == 1


@pytest.mark.parametrize("hours", [0.5, 745, float("nan"), -1])
def test_a_window_that_cannot_be_is_refused(store: DecisionStore, hours: float) -> None:
    with pytest.raises(AdError) as error:
        read(store, hours)
    assert error.value.code is Code.INVALID_FIELD
