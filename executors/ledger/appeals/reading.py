"""Appeals as they are read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from adjudicate.documents import Appeal, AppealAsk
from adjudicate.errors import AdError, Code
from executors.ledger.appeals.tables import APPEALS

MOST = 1_000
MOST_OFFSET = 10**9

_FIELDS = (
    *("decision_id", "reason", "contact", "state", "outcome", "rule", "by", "by_name"),
    *("opened_at", "decided_by", "decided_name", "decided_at", "note"),
)
_STATES = ("open", "upheld", "overturned")


def appeals_of(connection: Connection, decision_id: str) -> list[Appeal]:
    """The appeals against a decision, the first first."""
    query = select(APPEALS).where(APPEALS.c.decision_id == decision_id)
    return [appeal_of(row) for row in connection.execute(query.order_by(APPEALS.c.opened_at))]


def appeal(connection: Connection, appeal_id: str) -> Appeal:
    """One by its id. Raises `AdError` `not_found`."""
    row = connection.execute(select(APPEALS).where(APPEALS.c.id == appeal_id)).first()
    if row is None:
        raise AdError(Code.NOT_FOUND, f"there is no appeal {appeal_id[:50]!r}")
    return appeal_of(row)


def page(connection: Connection, asked: AppealAsk) -> list[Appeal]:
    """What is asked for. Raises `AdError` `not_found` and `invalid_field`."""
    if asked.id:
        return [appeal(connection, asked.id)]
    if asked.state and asked.state not in _STATES:
        raise AdError(Code.INVALID_FIELD, f"state must be one of {', '.join(_STATES)}")
    if not 1 <= asked.limit <= MOST:
        raise AdError(Code.INVALID_FIELD, f"limit must be from 1 to {MOST:,}")
    if not 0 <= asked.offset <= MOST_OFFSET:
        raise AdError(Code.INVALID_FIELD, f"offset must be from 0 to {MOST_OFFSET:,}")
    filters = {"state": asked.state, "decision_id": asked.decision_id}
    query = select(APPEALS).where(*(APPEALS.c[n] == value for n, value in filters.items() if value))
    query = query.order_by(APPEALS.c.opened_at.desc(), APPEALS.c.id)
    rows = connection.execute(query.limit(asked.limit).offset(asked.offset))
    return [appeal_of(row) for row in rows]


def appeal_of(row: Row[Any]) -> Appeal:
    """The document of a row of `appeals`."""
    return Appeal(id=row.id, **{name: getattr(row, name) for name in _FIELDS})
