"""What people settled, as the tables have it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, update

from executors.ledger.learning.activity import REJECTED
from executors.ledger.learning.answers import Answer, Answers, Audited, read_answers
from executors.ledger.queue.rulings import lock_cases
from executors.ledger.store import APPEALS, COUNTS, QUEUE, REVIEWS, DecisionStore
from executors.ledger.times import stamp
from executors.shared.database import writing
from tests.ledger.learning.made import RULE, on_both, record, rule_on

PAST = "2020-01-01T00:00:00.000+00:00"


def read(store: DecisionStore, since: str = "2026-01-01") -> Answers:
    with store.engine.connect() as connection:
        return read_answers(connection, since)


def review(store: DecisionStore, name: str, answer: str, stage: str = "first", **more: Any) -> None:
    said = {"round": 0, "kind": "escalation", "outcome": "escalate", "rule": "", "note": ""}
    who = {"by": f"key:{stage}", "by_name": "", "before": "", "undone_at": "", "undone_by": ""}
    values = {"decision_id": name, "stage": stage, "answer": answer, "at": stamp()}
    with writing(store.engine) as connection:
        connection.execute(insert(REVIEWS).values(**{**said, **who, **values, **more}))


def appeal(store: DecisionStore, name: str, state: str) -> None:
    texts = dict.fromkeys(
        ("reason", "contact", "rule", "decided_by", "decided_name", "decided_at", "note"), ""
    )
    values = {"id": f"appeal-{name}", "decision_id": name, "state": state, "outcome": "reject"}
    who = {"by": "key:shop", "by_name": "shop", "opened_at": stamp()}
    columns = {column.name for column in APPEALS.columns}
    with writing(store.engine) as connection:
        row = {key: value for key, value in {**texts, **values, **who}.items() if key in columns}
        connection.execute(insert(APPEALS).values(**row))


@on_both
def test_settled_cases_are_counted_with_what_decision_judge_and_person_said(
    store: DecisionStore,
) -> None:
    record(store, "a", verdict="violation", probability=0.5)
    record(store, "b", "reject", audit=True, verdict="violation")
    record(store, "open")
    record(store, "copy")
    record(store, "old", at=PAST)
    rule_on(store, "a", "approve")
    rule_on(store, "b", "reject", rule="OTHER")
    rule_on(store, "copy", "reject", "propagation")
    rule_on(store, "old", "reject")
    appeal(store, "b", "upheld")
    found = read(store)
    hour = stamp()[:13]
    assert dict(found.settled) == {
        Answer("escalate", RULE, RULE, False, "violation", "approve", False, ""): 1,
        Answer("reject", "OTHER", RULE, True, "violation", "reject", True, hour): 1,
    }
    assert found.appeals == {"upheld": 1}


@on_both
def test_the_strata_are_counted_whether_they_were_answered_or_not(store: DecisionStore) -> None:
    record(store, "passed", "approve", audit=True)
    record(store, "escalated", audit=True)
    record(store, "caught", "reject", audit=True)
    record(store, "appealed", "reject", audit=True)
    appeal(store, "appealed", "open")
    hour = stamp()[:13]
    with writing(store.engine) as connection:
        rows = [
            {"hour": hour, "counted": "passed", "of": "0.01", "ads": 300},
            {"hour": hour, "counted": REJECTED, "of": RULE, "ads": 40},
            {"hour": "2020-01-01T00", "counted": REJECTED, "of": RULE, "ads": 99},
        ]
        connection.execute(insert(COUNTS), rows)
    found = read(store)
    assert found.audited == {
        Audited(hour, "approve"): 1,
        Audited(hour, "escalate"): 1,
        Audited(hour, "reject"): 2,
    }
    assert (found.audit_rejected, found.appealed) == ({RULE: 1}, {RULE: 1})
    assert (found.passed, dict(found.rejected)) == ({(hour, "0.01"): 300}, {RULE: 40})


def test_an_old_decision_that_is_queued_anew_by_an_appeal_is_of_its_own_time(
    store: DecisionStore,
) -> None:
    record(store, "old", "reject", audit=True, at=PAST)
    with writing(store.engine) as connection:
        lock_cases(connection, ["old"])
        connection.execute(update(QUEUE).values(kind="appeal", queued_at=stamp()))
    assert read(store).audited == {}


@on_both
def test_second_reviews_are_held_against_the_first_of_the_same_round(store: DecisionStore) -> None:
    for name in ("same", "other", "undone", "skipped", "later round"):
        record(store, name)
        review(store, name, "violation")
    review(store, "same", "violation", "second")
    review(store, "other", "compliant", "second")
    review(store, "undone", "compliant", "second", undone_at=stamp())
    review(store, "skipped", "skip", "second")
    review(store, "later round", "compliant", "second", round=1)
    assert read(store).second == {True: 1, False: 1}
