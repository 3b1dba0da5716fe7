"""Somebody holds that what counts for an ad is wrong: its case is opened again, for another person.

Each takes a connection of `writing`, and is part of that transaction.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from adjudicate.documents import Appeal, Decision, Review
from adjudicate.errors import AdError, Code
from executors.ledger.appeals.reading import appeal
from executors.ledger.appeals.tables import APPEALS
from executors.ledger.audit.trail import Deed, append
from executors.ledger.queue.entering import enqueue, row_of
from executors.ledger.queue.reviewing import OUTCOME, Reviewing
from executors.ledger.queue.rulings import NO_LEASE, lock_cases, rulings_of
from executors.ledger.queue.tables import CASES
from executors.ledger.store import DECISIONS, EVIDENCE
from executors.ledger.times import stamp

DECIDED = ("upheld", "overturned")
_APPEALABLE = ("approve", "reject")
_OTHER = {"approve": "reject", "reject": "approve"}
_MOST = {"reason": 10_000, "contact": 500, "note": 10_000, "rule": 200}


def open_appeal(connection: Connection, asked: Appeal) -> Appeal:
    """Open an appeal against a decision, and its case again, with an appeal's priority.

    Raises `AdError`: `not_found` for no such decision; `not_reviewable` where nothing counts yet
    that could be wrong; `appeal_open` while another is; `invalid_field` without a reason.
    """
    _check(asked)
    decision = _locked_decision(connection, asked.decision_id)
    case = lock_cases(connection, [asked.decision_id]).get(asked.decision_id)
    ruling = rulings_of(connection, [asked.decision_id]).get(asked.decision_id)
    outcome, rule = (ruling or decision).outcome, (ruling or decision).rule
    if outcome not in _APPEALABLE:
        detail = f"decision {asked.decision_id} is {outcome}: nobody has settled it yet"
        raise AdError(Code.NOT_REVIEWABLE, detail)
    _refuse_second(connection, asked.decision_id)
    at, appeal_id = stamp(), uuid.uuid4().hex
    connection.execute(
        insert(APPEALS).values(
            id=appeal_id,
            **{name: getattr(asked, name) for name in ("decision_id", "reason", "contact")},
            state="open",
            outcome=outcome,
            rule=rule,
            by=asked.by,
            by_name=asked.by_name,
            opened_at=at,
            **dict.fromkeys(("decided_by", "decided_name", "decided_at", "note"), ""),
        )
    )
    _open_case(connection, decision, case, at)
    facts = {"appeal": appeal_id, "outcome": outcome}
    append(connection, [Deed("appealed", asked.decision_id, asked.by, facts)])
    return appeal(connection, appeal_id)


def decide_appeal(connection: Connection, asked: Appeal, reviewing: Reviewing) -> Appeal:
    """Answer the case of an open appeal so that what counted is upheld or overturned.

    Who decides it so again changes nothing.

    Raises `AdError`: `not_found`, `invalid_field`, `case_settled` when it was decided otherwise,
    and as `Reviewing.answer` does.
    """
    if asked.state not in DECIDED:
        raise AdError(Code.INVALID_FIELD, f"state must be one of {', '.join(DECIDED)}")
    held = appeal(connection, asked.id or "")
    if held.state != "open":
        if (held.state, held.decided_by) == (asked.state, asked.by):
            return held
        raise AdError(Code.CASE_SETTLED, f"appeal {held.id} was {held.state}")
    outcome = held.outcome if asked.state == "upheld" else _OTHER[held.outcome]
    answer = next(answer for answer, comes_to in OUTCOME.items() if comes_to == outcome)
    rule = asked.rule or (held.rule if outcome == held.outcome else "")
    said = {"note": asked.note, "by": asked.by, "by_name": asked.by_name, "role": asked.role}
    reviewing.answer(connection, Review(id=held.decision_id, answer=answer, rule=rule, **said))
    return appeal(connection, asked.id or "")


def _check(asked: Appeal) -> None:
    if not asked.reason.strip():
        raise AdError(Code.INVALID_FIELD, "reason: say what is wrong")
    for name, most in _MOST.items():
        if len(text := getattr(asked, name)) > most or "\0" in text:
            raise AdError(Code.INVALID_FIELD, f"{name} is too long, or has a NUL")


def _locked_decision(connection: Connection, decision_id: str) -> Decision:
    """Two appeals that are opened at the same time come one after the other."""
    query = select(DECISIONS.c.document).where(DECISIONS.c.id == decision_id)
    sound = decision_id and "\0" not in decision_id
    # Not the lock that others wait for who refer to the decision.
    document = connection.scalar(query.with_for_update(key_share=True)) if sound else None
    if document is None:
        raise AdError(Code.NOT_FOUND, f"there is no decision {decision_id[:50]!r}")
    return Decision.model_validate_json(document)


def _refuse_second(connection: Connection, decision_id: str) -> None:
    query = select(APPEALS.c.id).where(
        APPEALS.c.decision_id == decision_id, APPEALS.c.state == "open"
    )
    held = connection.scalar(query)
    if held is not None:
        detail = f"appeal {held} against decision {decision_id} is not decided yet"
        raise AdError(Code.APPEAL_OPEN, detail)


def _open_case(connection: Connection, decision: Decision, case: Row[Any] | None, at: str) -> None:
    evidence = select(EVIDENCE).where(EVIDENCE.c.decision_id == decision.id)
    kept = connection.execute(evidence).mappings().first()
    row = row_of("appeal", decision, dict(kept or {}), at)
    if case is None:
        enqueue(connection, [row])
        return
    anew = ("kind", "stage", "state", "priority", "due", "queued_at", "settled_at")
    values = {name: row[name] for name in anew} | NO_LEASE | {"round": case.round + 1}
    this = CASES.c.decision_id == decision.id
    connection.execute(update(CASES).where(this).values(**values))
