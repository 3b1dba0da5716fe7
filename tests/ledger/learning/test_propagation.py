"""A ruling is carried over to near-duplicates, and never over a person's word."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from adjudicate.documents import PropagationAsk
from adjudicate.errors import Code
from executors.ledger.learning.built import built_on
from executors.ledger.learning.propagation import Propagations
from executors.ledger.learning.undoing import Applied
from executors.ledger.store import DELIVERIES, EVIDENCE, DecisionStore
from executors.ledger.times import stamp
from executors.shared.database import writing
from tests.ledger.learning.made import PHASH, apart, on_both, picture, record, rule_on
from tests.ledger.learning.spreading import (
    ENTRIES,
    LEAD,
    alike,
    asked,
    case,
    refusal,
    rulings,
    set_case,
    settled,
)


@on_both
def test_a_preview_lists_the_queues_near_duplicates_and_changes_nothing(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store, text="Cures all")
    alike(store, "copy", text="cures ALL", advertiser="Acme", market="US")
    record(store, "other", phash=apart(99), picture=picture("x"), text="Something else")
    record(store, "words", text="Ｃures, all!")
    found = propagations.preview(asked())
    listed = [(item.id, item.distance, item.same_copy, item.whole) for item in found.items]
    assert listed == [("copy", 4, True, True), ("words", None, True, False)]
    assert (found.outcome, found.rule, found.found, found.applied) == ("reject", "CN-AD-28", 2, 2)
    first = found.items[0]
    assert (first.source, first.kind, first.stage) == ("queue", "escalation", "first")
    assert (first.ad_id, first.advertiser, first.market) == ("ad-copy", "Acme", "US")
    assert (first.excerpt, first.picture) == ("cures ALL", picture("copy"))
    assert rulings(store, "copy", "words") == {}


@on_both
def test_what_is_applied_counts_leaves_the_queue_and_is_told(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    alike(store, "copy")
    done = propagations.apply(asked(note="one campaign"))
    assert (done.applied, [item.state for item in done.items]) == (1, ["applied"])
    assert rulings(store, "copy") == {"copy": ("reject", "propagation")}
    row = case(store, "copy")
    assert (row["state"], row["settled_at"]) == ("settled", done.at)
    with store.engine.connect() as connection:
        told = connection.execute(select(DELIVERIES)).all()
        deeds = connection.execute(select(ENTRIES).where(ENTRIES.c.what == "propagated")).all()
        assert built_on(connection, "known")
        assert not built_on(connection, "copy")
    assert [(one.event, one.subject) for one in told] == [("decision.settled", "copy")]
    data = json.loads(told[0].payload)["data"]
    assert (data["outcome"], data["source"], data["changed"]) == ("reject", "propagation", True)
    assert [(one.subject, one.by) for one in deeds] == [("copy", "key:mei")]
    facts = json.loads(deeds[0].facts)
    assert (facts["from"], facts["distance"], facts["propagation"]) == ("known", 4, done.id)


def test_to_apply_again_does_nothing_more(
    store: DecisionStore, propagations: Propagations, applied: Applied
) -> None:
    settled(store)
    alike(store, "copy")
    propagations.apply(asked())
    again = propagations.apply(asked())
    assert (again.applied, again.at) == (0, "")
    assert len(applied.page(PropagationAsk(id=""))) == 1


@on_both
def test_of_applications_at_once_one_settles_each(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    names = [alike(store, f"copy{at}") for at in range(5)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(propagations.apply, [asked() for _ in range(4)]))
    assert sum(one.applied for one in done) == len(names)
    assert set(rulings(store, *names).values()) == {("reject", "propagation")}


def test_only_those_that_are_named_are_settled(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    alike(store, "a")
    alike(store, "b")
    assert propagations.apply(asked(only=["b"])).applied == 1
    assert set(rulings(store, "a", "b")) == {"b"}
    assert refusal(propagations.apply, asked(only=["nothing"])) is Code.INVALID_FIELD


def test_what_waits_for_somebody_is_listed_and_left(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    for name in ("claimed", "mine", "second", "appeal", "sample", "free", "lapsed"):
        alike(store, name)
    set_case(store, "claimed", lease_by="key:jo", lease_until=stamp(60))
    set_case(store, "mine", lease_by="key:mei", lease_until=stamp(60))
    set_case(store, "lapsed", lease_by="key:jo", lease_until=stamp(-60))
    set_case(store, "second", stage="second")
    set_case(store, "appeal", kind="appeal")
    set_case(store, "sample", audit=1)
    done = propagations.apply(asked())
    assert {item.id: item.skipped for item in done.items} == {
        "claimed": "claimed",
        "second": "other_stage",
        "appeal": "appealed",
        "sample": "audit_sample",
        "mine": "",
        "free": "",
        "lapsed": "",
    }
    assert set(rulings(store, *(item.id or "" for item in done.items))) == {
        *("mine", "free", "lapsed")
    }


def test_an_approval_goes_to_escalations_alone_and_only_where_nothing_differs(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store, "approve", text="Feel fresh")
    alike(store, "same", text="feel fresh")
    alike(store, "claims more", text="Feel fresh, cured of all")
    alike(store, "rejected", "reject", text="feel fresh")
    alike(store, "sampled", "approve", text="feel fresh", audit=True)
    done = propagations.apply(asked())
    assert {item.id: item.skipped for item in done.items} == {
        "same": "",
        "claims more": "differs",
        "sampled": "audit_sample",
    }
    assert rulings(store, "same", "claims more", "rejected") == {"same": ("approve", "propagation")}
    assert refusal(propagations.preview, asked(past=True, **LEAD)) is Code.INVALID_FIELD


def test_a_persons_word_on_a_near_duplicate_stands(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    alike(store, "cleared", "approve")
    rule_on(store, "cleared", "approve")
    done = propagations.apply(asked(past=True, **LEAD))
    assert [(item.id, item.skipped) for item in done.items] == [("cleared", "ruled")]
    assert rulings(store, "cleared") == {"cleared": ("approve", "review")}


@on_both
def test_past_decisions_take_a_lead_and_lie_in_the_window(
    store: DecisionStore, propagations: Propagations
) -> None:
    settled(store)
    alike(store, "ran", "approve")
    alike(store, "stopped", "reject")
    alike(store, "long ago", "approve", at="2020-01-01T00:00:00.000+00:00")
    alike(store, "failed", "error")
    alike(store, "waits")
    assert refusal(propagations.preview, asked(past=True)) is Code.FORBIDDEN
    found = propagations.preview(asked(past=True, **LEAD))
    assert [(item.id, item.source, item.outcome) for item in found.items] == [
        ("waits", "queue", "escalate"),
        ("ran", "past", "approve"),
    ]
    older = {"since": "2019-12-31T00:00:00Z", "until": "2020-06-01T00:00:00Z"}
    found = propagations.preview(asked(past=True, **LEAD, **older))
    assert [item.id for item in found.items] == ["waits", "long ago"]


@pytest.mark.parametrize(
    "window",
    [
        {"since": "yesterday"},
        {"since": "2026-01-02", "until": "2026-01-01"},
        {"since": "1999-01-01"},
    ],
)
def test_a_window_that_cannot_be_is_refused(
    store: DecisionStore, propagations: Propagations, window: dict[str, str]
) -> None:
    settled(store)
    assert refusal(propagations.preview, asked(past=True, **LEAD, **window)) is Code.INVALID_FIELD


def test_only_what_a_person_settled_is_carried_over(
    store: DecisionStore, propagations: Propagations
) -> None:
    assert refusal(propagations.preview, asked(decision_id="")) is Code.NOT_FOUND
    assert refusal(propagations.preview, asked()) is Code.NOT_FOUND
    record(store, "known", phash=PHASH)
    assert refusal(propagations.preview, asked()) is Code.NOT_SETTLED
    rule_on(store, "known", "reject", "propagation")
    assert refusal(propagations.apply, asked()) is Code.NOT_SETTLED
    with writing(store.engine) as connection:
        connection.execute(update(EVIDENCE).values(erased_at=stamp()))
    assert refusal(propagations.apply, asked()) is Code.NOT_FOUND
