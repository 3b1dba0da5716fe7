"""What counts for an ad that people, or propagation, settled; and its case's state.

Each takes a connection of `writing`, and is part of that transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from adjudicate.documents import Ruling
from executors.ledger.keys import PARAMETERS, rows_with
from executors.ledger.queue.tables import CASES, RULINGS
from executors.shared.database import upsert

_SAID = ("outcome", "rule", "source", "by", "by_name", "note", "at")
NO_LEASE = dict.fromkeys(("lease_by", "lease_name", "lease_until"), "")


def rulings_of(connection: Connection, decision_ids: Collection[str]) -> dict[str, Ruling]:
    """The rulings of those decisions that have one, by decision."""
    rows = rows_with(connection, select(RULINGS), RULINGS.c.decision_id, list(decision_ids))
    return {row.decision_id: _ruling(row) for row in rows}


def put_ruling(connection: Connection, ruling: Ruling) -> None:
    """Make it count, in the place of another. Its id is the decision's, which must be there."""
    values = {name: getattr(ruling, name) for name in _SAID}
    statement = upsert(connection, RULINGS).values(decision_id=ruling.id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["decision_id"], set_=values))


def drop_ruling(connection: Connection, decision_id: str) -> None:
    """Let the decision itself count again."""
    connection.execute(delete(RULINGS).where(RULINGS.c.decision_id == decision_id))


def lock_cases(connection: Connection, decision_ids: Collection[str]) -> dict[str, Row[Any]]:
    """The rows of `queue_cases`, held until the transaction ends; in one order, so that two who
    lock the same ones cannot each wait for the other."""
    query = select(CASES).order_by(CASES.c.decision_id).with_for_update()
    rows = rows_with(connection, query, CASES.c.decision_id, sorted(decision_ids))
    return {row.decision_id: row for row in rows}


def settle(connection: Connection, decision_ids: Sequence[str], at: str) -> None:
    """Close the open cases of these decisions, with their leases."""
    _set(connection, decision_ids, "open", {"state": "settled", "settled_at": at, **NO_LEASE})


def reopen(connection: Connection, decision_ids: Sequence[str]) -> None:
    """Open the settled cases of these decisions, at the stage that they had."""
    _set(connection, decision_ids, "settled", {"state": "open", "settled_at": "", **NO_LEASE})


def _set(connection: Connection, ids: Sequence[str], state: str, values: dict[str, str]) -> None:
    for start in range(0, len(ids), PARAMETERS):
        part = list(ids[start : start + PARAMETERS])
        chosen = CASES.c.decision_id.in_(part), CASES.c.state == state
        connection.execute(update(CASES).where(*chosen).values(**values))


def _ruling(row: Row[Any]) -> Ruling:
    return Ruling(id=row.decision_id, **{name: getattr(row, name) for name in _SAID})
