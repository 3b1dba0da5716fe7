"""A propagation is taken back, and all is as before."""

from __future__ import annotations

from sqlalchemy import select

from adjudicate.documents import Propagation, PropagationAsk
from adjudicate.errors import Code
from executors.ledger.learning.built import built_on
from executors.ledger.learning.propagation import Propagations
from executors.ledger.learning.undoing import Applied
from executors.ledger.store import DELIVERIES, DecisionStore
from tests.ledger.learning.made import on_both, rule_on
from tests.ledger.learning.spreading import (
    ENTRIES,
    LEAD,
    REVIEWER,
    alike,
    asked,
    case,
    refusal,
    rulings,
    set_case,
    settled,
)


@on_both
def test_an_undo_leaves_everything_as_it_was(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    alike(store, "waits")
    alike(store, "ran", "approve")
    before = case(store, "waits")
    done = propagations.apply(asked(past=True, **LEAD))
    assert done.applied == 2
    undone = applied.undo(Propagation(id=done.id, **LEAD))
    assert [item.state for item in undone.items] == ["undone", "undone"]
    assert (undone.undone_by, bool(undone.undone_at)) == ("key:lea", True)
    assert case(store, "waits") == before
    assert rulings(store, "waits", "ran") == {}
    with store.engine.connect() as connection:
        assert not built_on(connection, "known")
        events = connection.scalars(select(DELIVERIES.c.event)).all()
        deeds = connection.scalars(select(ENTRIES.c.what)).all()
    assert sorted(events) == ["decision.reopened"] * 2 + ["decision.settled"] * 2
    assert deeds.count("propagation_undone") == 2
    assert applied.undo(Propagation(id=done.id, **LEAD)).undone_at == undone.undone_at


@on_both
def test_what_a_person_ruled_on_or_appealed_since_is_kept(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    for name in ("ruled", "appealed", "plain"):
        alike(store, name)
    done = propagations.apply(asked())
    rule_on(store, "ruled", "approve", "appeal", by="key:jo")
    set_case(store, "appealed", kind="appeal", state="open")
    undone = applied.undo(Propagation(id=done.id, **REVIEWER))
    assert {item.id: item.state for item in undone.items} == {
        "ruled": "kept",
        "appealed": "kept",
        "plain": "undone",
    }
    assert undone.kept == 2
    assert rulings(store, "ruled", "appealed", "plain") == {
        "ruled": ("approve", "appeal"),
        "appealed": ("reject", "propagation"),
    }


def test_part_of_it_can_be_undone(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    alike(store, "a")
    alike(store, "b")
    done = propagations.apply(asked())
    undone = applied.undo(Propagation(id=done.id, only=["a"], **REVIEWER))
    assert {item.id: item.state for item in undone.items} == {"a": "undone", "b": "applied"}
    assert undone.undone_at == ""
    assert set(rulings(store, "a", "b")) == {"b"}
    wrong = Propagation(id=done.id, only=["c"], **REVIEWER)
    assert refusal(applied.undo, wrong) is Code.INVALID_FIELD


def test_a_reviewer_undoes_their_own_within_the_queue_and_a_lead_any(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    alike(store, "waits")
    done = propagations.apply(asked())
    other = Propagation(id=done.id, **{**REVIEWER, "by": "key:jo"})
    assert refusal(applied.undo, other) is Code.FORBIDDEN
    assert refusal(applied.undo, Propagation(id="none", **LEAD)) is Code.NOT_FOUND
    assert applied.undo(Propagation(id=done.id, **LEAD)).items[0].state == "undone"


@on_both
def test_propagations_are_listed_the_newest_first_and_one_with_its_items(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    alike(store, "a")
    first = propagations.apply(asked())
    alike(store, "b")
    second = propagations.apply(asked())
    listed = applied.page(PropagationAsk(id=""))
    assert [one.id for one in listed] == [second.id, first.id]
    assert [(one.found, one.applied) for one in listed] == [(1, 1), (1, 1)]
    assert applied.page(PropagationAsk(id="", decision_id="a")) == []
    (one,) = applied.page(PropagationAsk(id=first.id))
    assert [(item.id, item.state, item.distance) for item in one.items] == [("a", "applied", 4)]
    assert refusal(applied.page, PropagationAsk(id="", limit=0)) is Code.INVALID_FIELD
    assert refusal(applied.page, PropagationAsk(id="none")) is Code.NOT_FOUND
