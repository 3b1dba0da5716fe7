"""Trails that tests make."""

from __future__ import annotations

from sqlalchemy import Engine, text

from executors.ledger.audit.trail import Deed, append
from executors.shared.database import writing


def write(engine: Engine, count: int, *, what: str = "reviewed", by: str = "key:a") -> None:
    """Append so many deeds, three in a transaction."""
    for start in range(0, count, 3):
        deeds = [
            Deed(what, f"decision {number}", by, {"answer": "violation", "share": 0.25})
            for number in range(start, min(start + 3, count))
        ]
        with writing(engine) as connection:
            append(connection, deeds)


def tamper(engine: Engine, *statements: str) -> None:
    """As somebody does who owns the database: past the triggers."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for name in ("audit_entries_no_update", "audit_entries_no_delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        for statement in statements:
            connection.execute(text(statement))
