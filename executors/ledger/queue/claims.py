"""Leases: a case is one person's for some time, so that two do not work on the same.

What is claimed is locked in the database first: of two who claim at the same moment, in one ledger
or in two, one gets the case and the other gets the next.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from adjudicate.documents import Claim, QueueItem
from adjudicate.errors import AdError, Code
from executors.ledger.queue.persons import check_person, leads, open_to
from executors.ledger.queue.reading import IN_TURN, filtered, free, held, item, items
from executors.ledger.queue.rulings import NO_LEASE, lock_cases
from executors.ledger.queue.tables import CASES
from executors.ledger.times import stamp

MOST_SKIPPED = 100
"""Decisions that a claim may say are not to be given."""


def claim(connection: Connection, asked: Claim, lease_s: int) -> QueueItem:
    """Take the case of the claim's id, or renew one's own; without an id the next one: of those
    that the caller holds already, else of those that nobody does.

    Raises `AdError`: `queue_empty` when there is no next one; `not_found`, `case_settled`,
    `claimed_elsewhere`, `forbidden` and `other_person` for a case that cannot be the caller's;
    `invalid_field` for a length or a list that cannot be.
    """
    seconds = _seconds(asked, lease_s)
    case = _named(connection, asked) if asked.id else _next(connection, asked)
    lease = {"lease_by": asked.by, "lease_name": asked.by_name, "lease_until": stamp(seconds)}
    this = CASES.c.decision_id == case.decision_id
    connection.execute(update(CASES).where(this).values(**lease))
    return item(connection, case.decision_id)


def release(connection: Connection, asked: Claim) -> list[QueueItem]:
    """Give a case back, or, without an id, all that the caller holds. Whoever holds none of what is
    asked changes nothing.

    Raises `AdError` `not_found`, and `claimed_elsewhere` for a case of another, which only a lead
    may release.
    """
    if asked.id:
        case = lock_case(connection, asked.id)
        check_lease(case, "" if leads(asked.role) else asked.by)
        ids = [case.decision_id]
    else:
        ids = list(connection.scalars(select(CASES.c.decision_id).where(held(asked.by))))
    released = lock_cases(connection, ids)
    for decision_id in released:
        this = CASES.c.decision_id == decision_id
        connection.execute(update(CASES).where(this).values(**NO_LEASE))
    return list(items(connection, ids).values())


def lock_case(connection: Connection, decision_id: str) -> Row[Any]:
    """A case's row, held until the transaction ends. Raises `AdError` `not_found`."""
    sound = decision_id and "\0" not in decision_id
    found = lock_cases(connection, [decision_id]) if sound else {}
    if decision_id not in found:
        raise AdError(Code.NOT_FOUND, f"decision {decision_id[:50]!r} is not in the queue")
    return found[decision_id]


def check_lease(case: Row[Any], by: str) -> None:
    """Raises `AdError` `claimed_elsewhere` when another than `by` holds the case; empty: nobody is
    another."""
    if by and case.lease_by not in ("", by) and case.lease_until > stamp():
        who = case.lease_name or case.lease_by
        raise AdError(Code.CLAIMED_ELSEWHERE, f"{who} works on it until {case.lease_until}")


def check_open(case: Row[Any]) -> None:
    """Raises `AdError` `case_settled`."""
    if case.state != "open":
        raise AdError(Code.CASE_SETTLED, f"decision {case.decision_id} is settled")


def _named(connection: Connection, asked: Claim) -> Row[Any]:
    case = lock_case(connection, asked.id or "")
    check_open(case)
    check_person(connection, case, asked.by, asked.role)
    check_lease(case, asked.by)
    return case


def _next(connection: Connection, asked: Claim) -> Row[Any]:
    query = (
        select(CASES)
        .where(CASES.c.state == "open", *filtered(asked), *open_to(asked.by, asked.role))
        .order_by(*IN_TURN)
        .limit(1)
        # Who claims at the same moment does not wait for this one, but takes the next.
        .with_for_update(skip_locked=True)
    )
    if asked.skip:
        query = query.where(CASES.c.decision_id.not_in(list(asked.skip)))
    for whose in (held(asked.by), free()):
        case = connection.execute(query.where(whose)).first()
        if case is not None:
            return case
    raise AdError(Code.QUEUE_EMPTY, "no case waits that you could answer")


def _seconds(asked: Claim, lease_s: int) -> int:
    if not 0 <= asked.seconds <= lease_s:
        raise AdError(Code.INVALID_FIELD, f"seconds must be from 0, as it is set, to {lease_s}")
    if len(asked.skip) > MOST_SKIPPED:
        raise AdError(Code.INVALID_FIELD, f"skip must name at most {MOST_SKIPPED} decisions")
    return asked.seconds or lease_s
