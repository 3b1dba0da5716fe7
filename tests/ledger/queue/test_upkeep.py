"""Cases that an earlier release did not make, and messages that were delivered long ago."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, update

from executors.ledger.queue import upkeep
from executors.ledger.queue.tables import CASES
from executors.ledger.queue.upkeep import KEPT_S, Upkeep
from executors.ledger.store import DELIVERIES
from executors.ledger.times import stamp
from executors.shared.database import writing
from tests.ledger.queue.desk import Desk, match


def as_an_earlier_release(desk: Desk, *decision_ids: str) -> None:
    """Which recorded decisions and knew of no queue."""
    with writing(desk.engine) as connection:
        connection.execute(delete(CASES).where(CASES.c.decision_id.in_(decision_ids)))


def test_escalations_without_a_case_are_queued(desk: Desk) -> None:
    lost = [desk.escalated(matches=match("high"), text=f"copy {n}") for n in range(3)]
    there = desk.escalated()
    desk.rejected()
    before = {item.id: item for item in desk.page()}
    as_an_earlier_release(desk, *lost)
    doing = Upkeep(desk.engine)
    assert doing.queue_the_missing() == 3
    found = {item.id: item for item in desk.page()}
    assert set(found) == {*lost, there}
    for decision_id in lost:
        now, then = found[decision_id], before[decision_id]
        assert (now.excerpt, now.queued_at, now.rule) == (then.excerpt, then.queued_at, then.rule)
    assert doing.queue_the_missing() == 0


def test_a_long_list_is_queued_in_parts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    lost = [desk.escalated() for _ in range(5)]
    as_an_earlier_release(desk, *lost)
    assert Upkeep(desk.engine).queue_the_missing() == 5
    assert set(desk.ids()) == set(lost)


def test_what_is_settled_stays_so(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    Upkeep(desk.engine)()
    assert desk.ids() == []


def test_messages_that_were_delivered_long_ago_are_dropped(desk: Desk) -> None:
    for _ in range(3):
        desk.answer("ann", desk.escalated())
    with writing(desk.engine) as connection:
        old, new, waiting = connection.scalars(select(DELIVERIES.c.number))
        for number, at in ((old, stamp(-KEPT_S - 1)), (new, stamp())):
            this = update(DELIVERIES).where(DELIVERIES.c.number == number)
            connection.execute(this.values(state="delivered", delivered_at=at))
    Upkeep(desk.engine)()
    with desk.engine.connect() as connection:
        assert set(connection.scalars(select(DELIVERIES.c.number))) == {new, waiting}
