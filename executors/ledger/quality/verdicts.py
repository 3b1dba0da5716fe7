"""What people say of decisions. It is added to, never changed: the last word on each counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)

from adjudicate.documents import PersonsVerdict, PersonVerdict
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.shared.database import writing

REVIEWABLE = ("approve", "reject")
"""An escalation says nothing that could be upheld, and an error even less."""

_MOST = {"by": 200, "note": 10_000}


def verdicts_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables."""
    return Table(
        "decision_verdicts",
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column(
            "decision_id",
            Text,
            ForeignKey("decisions.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        # As the decision has it, so that the figures need not read the decisions.
        Column("outcome", String(20), nullable=False),
        Column("verdict", String(20), nullable=False),
        Column("by", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("at", String(40), nullable=False, index=True),
    )


@dataclass(frozen=True)
class Verdicts:
    """The verdicts in SQL."""

    engine: Engine
    table: Table
    decisions: Table

    def add(self, asked: PersonVerdict) -> PersonVerdict:
        """Record a verdict, and return it as it is held.

        Who says again what they said last changes nothing: the verdict is the one held.

        Raises `AdError`: `not_found` for no such decision, `not_reviewable` for an escalation or
        an error, `invalid_field` for a verdict that is none or one without a person.
        """
        _check(asked)
        with writing(self.engine) as connection:
            outcome = self._outcome(connection, asked.id or "")
            held = self._last_of(connection, asked.id or "", asked.by)
            if held is not None and held.verdict == asked.verdict:
                return _document(held)
            values = {
                "decision_id": asked.id,
                "outcome": outcome,
                **{name: getattr(asked, name) for name in ("verdict", "by", "note")},
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
            connection.execute(insert(self.table).values(**values))
            added = self._last_of(connection, asked.id or "", asked.by)
            facts = {"verdict": asked.verdict, "outcome": outcome}
            append(connection, [Deed("reviewed", asked.id or "", asked.caller or "open", facts)])
        assert added is not None
        return _document(added)

    def since(self, at: str) -> Mapping[tuple[str, str], int]:
        """How many decisions, by outcome and verdict, had their last word since `at` (UTC, ISO
        8601)."""
        table = self.table.c
        last = select(func.max(table.number)).where(table.at >= at).group_by(table.decision_id)
        query = select(table.outcome, table.verdict, func.count().label("total"))
        query = query.where(table.number.in_(last)).group_by(table.outcome, table.verdict)
        with self.engine.connect() as connection:
            return {(row.outcome, row.verdict): row.total for row in connection.execute(query)}

    def _outcome(self, connection: Connection, decision_id: str) -> str:
        decisions = self.decisions.c
        # The lock lets two equal requests come one after the other on a server.
        query = select(decisions.outcome).where(decisions.id == decision_id).with_for_update()
        outcome = connection.scalar(query)
        if outcome is None:
            raise AdError(Code.NOT_FOUND, f"there is no decision {decision_id[:50]!r}")
        if outcome not in REVIEWABLE:
            raise AdError(
                Code.NOT_REVIEWABLE,
                f"decision {decision_id} is {outcome}: only an approval or a rejection can be "
                "upheld or overturned",
            )
        return str(outcome)

    def _last_of(self, connection: Connection, decision_id: str, by: str) -> Row[Any] | None:
        table = self.table.c
        query = select(self.table).where(table.decision_id == decision_id, table.by == by)
        return connection.execute(query.order_by(table.number.desc()).limit(1)).first()


def _check(asked: PersonVerdict) -> None:
    known = get_args(PersonsVerdict)
    if asked.verdict not in known:
        detail = f"verdict must be one of {', '.join(known)}, not {asked.verdict[:20]!r}"
        raise AdError(Code.INVALID_FIELD, detail)
    if not asked.by.strip():
        raise AdError(Code.INVALID_FIELD, "by: name the person whose verdict it is")
    for name, most in _MOST.items():
        if len(text := getattr(asked, name)) > most or "\0" in text:
            raise AdError(Code.INVALID_FIELD, f"{name} is too long, or has a NUL")
    if not asked.id or "\0" in asked.id:
        raise AdError(Code.NOT_FOUND, "there is no decision without an id")


def _document(row: Row[Any]) -> PersonVerdict:
    said = {name: getattr(row, name) for name in ("verdict", "by", "note", "outcome", "at")}
    return PersonVerdict(id=row.decision_id, **said)
