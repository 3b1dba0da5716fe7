"""The decisions in SQL: what was decided, on what grounds, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)

from adjudicate.documents import Decision
from executors.shared.database import open_database, writing
from executors.shared.hits import Hits, count_hits, hits_table

METADATA = MetaData()

DECISIONS = Table(
    "decisions",
    METADATA,
    # The order in which they were recorded: `decided_at` of two replicas may tie or cross.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("ad_id", Text, nullable=False, index=True),
    Column("outcome", String(20), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("content_hash", Text, nullable=False, index=True),
    Column("trace_id", String(32), nullable=False),
    Column("decided_at", String(40), nullable=False, index=True),
    Column("versions", Text, nullable=False),
)

HITS = hits_table(METADATA)


@dataclass(frozen=True)
class Record:
    """A decision, the hash of the content that it is about, and the exemplars that flagged it."""

    decision: Decision
    content_hash: str
    hits: Hits | None = None


class DecisionConflictError(Exception):
    """A decision of this id is recorded already, about other content."""


class DecisionStore:
    """Decisions by id and by ad. They are added and read, never changed."""

    def __init__(self, url: str) -> None:
        """Raises `ConfigurationError` when the database cannot be opened."""
        self._engine: Engine = open_database(url, METADATA)
        self.kind = self._engine.dialect.name

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def record(self, records: Sequence[Record]) -> list[Decision]:
        """Record all or none, in one transaction, and return what is now on disk.

        A decision that is recorded already is returned as it was recorded: a request that is sent
        again, because its answer was lost, is not decided twice, nor are its hits counted twice.
        """
        with writing(self._engine) as connection:
            new: list[Record] = []
            decisions = [_record(connection, record, new) for record in records]
            # After all decisions: so a ledger that waits for another's decision holds no hits.
            count_hits(connection, HITS, (record.hits for record in new if record.hits))
            return decisions

    def get(self, decision_or_ad_id: str) -> Decision | None:
        """The decision of this id, else the latest decision on the ad of this id."""
        by_id = select(DECISIONS.c.document).where(DECISIONS.c.id == decision_or_ad_id)
        of_ad = (
            select(DECISIONS.c.document)
            .where(DECISIONS.c.ad_id == decision_or_ad_id)
            .order_by(DECISIONS.c.number.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            document = connection.scalar(by_id) or connection.scalar(of_ad)
        return _decision(document) if document else None

    def page(self, limit: int, offset: int = 0) -> list[Decision]:
        """Decisions, the newest first."""
        query = select(DECISIONS.c.document).order_by(DECISIONS.c.number.desc())
        with self._engine.connect() as connection:
            return [_decision(d) for d in connection.scalars(query.limit(limit).offset(offset))]

    def count(self) -> int:
        """Decisions on record, by the number of the last: counting rows would read them all."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(DECISIONS.c.number))) or 0


def _record(connection: Connection, record: Record, new: list[Record]) -> Decision:
    decision = record.decision
    held = connection.execute(
        select(DECISIONS.c.document, DECISIONS.c.content_hash).where(DECISIONS.c.id == decision.id)
    ).first()
    if held is None:
        connection.execute(insert(DECISIONS).values(**_row(record)))
        new.append(record)
        return decision
    if held.content_hash != record.content_hash:
        raise DecisionConflictError(f"decision {decision.id} is about other content")
    return _decision(held.document)


def _row(record: Record) -> dict[str, str]:
    decision = record.decision
    return {
        "id": decision.id or "",
        "ad_id": decision.ad_id,
        "outcome": decision.outcome,
        "rule": decision.rule,
        "reasons": json.dumps(decision.reasons),
        "document": decision.model_dump_json(),
        "content_hash": record.content_hash,
        "trace_id": decision.trace_id,
        "decided_at": decision.decided_at,
        "versions": json.dumps(decision.versions, sort_keys=True),
    }


def _decision(document: str) -> Decision:
    return Decision.model_validate_json(document)
