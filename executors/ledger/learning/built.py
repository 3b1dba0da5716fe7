"""What stands on a person's ruling: as long as it does, the ruling cannot be taken back."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from executors.ledger.store import PROPAGATION_ITEMS, PROPAGATIONS


def built_on(connection: Connection, decision_id: str) -> bool:
    """Whether near-duplicates are settled with this decision, and not undone."""
    items, propagations = PROPAGATION_ITEMS.c, PROPAGATIONS.c
    query = select(
        exists()
        .where(propagations.decision_id == decision_id)
        .where(items.propagation == propagations.number, items.state == "applied")
    )
    return bool(connection.scalar(query))
