"""What the queue needs now and then: cases that an earlier release did not make, and an outbox that
does not grow for ever."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, func, not_, select

from adjudicate.documents import Decision
from executors.ledger.keys import rows_with
from executors.ledger.queue.entering import row_of
from executors.ledger.queue.tables import CASES
from executors.ledger.store import DECISIONS, EVIDENCE
from executors.ledger.times import stamp
from executors.ledger.webhooks.tables import DELIVERIES
from executors.shared.database import upsert, writing

EVERY_S = 60.0
AT_ONCE = 500
"""Decisions in one transaction."""
KEPT_S = 30 * 86_400
"""How long a message is listed that was delivered."""

_OVERLAP = 10_000
"""Decisions that are looked at again: transactions end in another order than they begin."""


class Upkeep:
    """Belongs to one ledger. Of several each does it, and none does anything twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looked_at = 0

    def __call__(self) -> None:
        """Do it. Raises `SQLAlchemyError`."""
        self.queue_the_missing()
        with writing(self._engine) as connection:
            old = DELIVERIES.c.delivered_at.between("0", stamp(-KEPT_S))
            connection.execute(delete(DELIVERIES).where(DELIVERIES.c.state == "delivered", old))

    def queue_the_missing(self) -> int:
        """Queue the escalations that have no case, and return how many there were: while an upgrade
        rolls, or after a roll back, ledgers decide that know of no queue."""
        with self._engine.connect() as connection:
            last = connection.scalar(select(func.max(DECISIONS.c.number))) or 0
        queued = 0
        while rows := self._missing():
            with writing(self._engine) as connection:
                queued += _queue(connection, rows)
        self._looked_at = max(last - _OVERLAP, 0)
        return queued

    def _missing(self) -> list[Row[Any]]:
        query = (
            select(DECISIONS.c.id, DECISIONS.c.document)
            .where(DECISIONS.c.outcome == "escalate", DECISIONS.c.number > self._looked_at)
            .where(not_(exists().where(CASES.c.decision_id == DECISIONS.c.id)))
            .order_by(DECISIONS.c.number)
            .limit(AT_ONCE)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query))


def _queue(connection: Connection, rows: list[Row[Any]]) -> int:
    ids = [row.id for row in rows]
    query = select(EVIDENCE)
    kept = {
        row.decision_id: row._asdict()
        for row in rows_with(connection, query, EVIDENCE.c.decision_id, ids)
    }
    decisions = [Decision.model_validate_json(row.document) for row in rows]
    cases = [row_of("escalation", one, kept.get(one.id or ""), one.decided_at) for one in decisions]
    connection.execute(upsert(connection, CASES).on_conflict_do_nothing(), cases)
    return len(cases)
