"""The decisions in SQL: what was decided, on what grounds, and when."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
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

from adjudicate.documents import Case, Decision, Problem
from adjudicate.errors import Code
from executors.ledger.appeals.tables import appeals_table
from executors.ledger.audit.deeds import decided
from executors.ledger.audit.trail import append, audit_tables
from executors.ledger.evidence import evidence_table
from executors.ledger.keys import Claim, keys_table, rows_with, take_keys
from executors.ledger.learning.tables import (
    lessons_table,
    propagation_items_table,
    propagations_table,
)
from executors.ledger.quality.tally import counts_table
from executors.ledger.quality.verdicts import verdicts_table
from executors.ledger.queue.entering import enqueue
from executors.ledger.queue.rulings import rulings_of
from executors.ledger.queue.tables import cases_table, reviews_table, rulings_table
from executors.ledger.webhooks.tables import deliveries_table
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

_REHEARSED = -1

HITS = hits_table(METADATA)
KEYS = keys_table(METADATA)
VERDICTS = verdicts_table(METADATA)
COUNTS = counts_table(METADATA)
EVIDENCE = evidence_table(METADATA)
QUEUE = cases_table(METADATA)
REVIEWS = reviews_table(METADATA)
RULINGS = rulings_table(METADATA)
APPEALS = appeals_table(METADATA)
DELIVERIES = deliveries_table(METADATA)
PROPAGATIONS = propagations_table(METADATA)
PROPAGATION_ITEMS = propagation_items_table(METADATA)
LESSONS = lessons_table(METADATA)
audit_tables(METADATA)


@dataclass(frozen=True)
class Record:
    """A decision, the hash of the content that it is about, the exemplars that flagged it, and what
    goes on record with it."""

    decision: Decision
    content_hash: str
    hits: Hits | None = None
    claim: Claim | None = None
    """The idempotency key that it was sent with."""
    case: Case | None = None
    """What was decided on."""
    evidence: Mapping[str, Any] | None = None
    """Its row in the table `evidence`."""
    queued: Mapping[str, Any] | None = None
    """Its row in the table `queue_cases`; None for one that nobody has to look at."""


class DecisionConflictError(Exception):
    """A decision of this id is recorded already, about other content."""


class DecisionStore:
    """Decisions by id and by ad. They are added and read, never changed."""

    def __init__(self, url: str) -> None:
        """Raises `ConfigurationError` when the database cannot be opened."""
        self._engine: Engine = open_database(url, METADATA)
        self.kind = self._engine.dialect.name

    @property
    def engine(self) -> Engine:
        """For those who read, and for the tables beside the decisions'."""
        return self._engine

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def record(self, records: Sequence[Record]) -> list[Decision]:
        """Record all or none, in one transaction, and return what is now on disk.

        A decision that is recorded already is returned as it was recorded: a request that is sent
        again, because its answer was lost, is not decided twice, nor are its hits counted twice.
        So it is for an idempotency key that has its decision; with other content than then, an
        error is recorded instead.
        """
        with writing(self._engine) as connection:
            owners = take_keys(connection, KEYS, [r.claim for r in records if r.claim])
            settled = [_by_key(record, owners) for record in records]
            held = _held(connection, {_id(one) for one in settled})
            new = _new(settled, held)
            if new:
                connection.execute(insert(DECISIONS), [_row(record) for record in new.values()])
            _add_evidence(connection, new.values())
            enqueue(connection, [one.queued for one in new.values() if one.queued is not None])
            # After all decisions: so a ledger that waits for another's decision holds no hits.
            count_hits(connection, HITS, (record.hits for record in new.values() if record.hits))
            append(connection, [decided(one.decision, one.evidence) for one in new.values()])
        made = {name: record.decision for name, record in new.items()}
        recorded = {name: _decision(row.document) for name, row in held.items()} | made
        return [
            _answer(record, one, recorded[_id(one)])
            for record, one in zip(records, settled, strict=True)
        ]

    def rehearse(self, record: Record) -> bool:
        """Write a decision in a transaction that is rolled back; whether it could be read there.

        Raises what the database raises.
        """
        # A number of its own: a sequence of PostgreSQL would leave a gap for each.
        row = {**_row(record), "number": _REHEARSED}
        with (
            self._engine.execution_options(writes=True).connect() as connection,
            connection.begin() as transaction,
        ):
            connection.execute(insert(DECISIONS), [row])
            if record.evidence is not None:
                evidence = {**record.evidence, "number": _REHEARSED}
                connection.execute(insert(EVIDENCE), [evidence])
            there = bool(_held(connection, {record.decision.id or ""}))
            transaction.rollback()
        return there

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
            return _ruled(connection, [_decision(document)])[0] if document else None

    def page(self, limit: int, offset: int = 0) -> list[Decision]:
        """Decisions, the newest first."""
        query = select(DECISIONS.c.document).order_by(DECISIONS.c.number.desc())
        with self._engine.connect() as connection:
            documents = connection.scalars(query.limit(limit).offset(offset))
            return _ruled(connection, [_decision(document) for document in documents])

    def count(self) -> int:
        """Decisions on record, by the number of the last: counting rows would read them all."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(DECISIONS.c.number))) or 0


def _by_key(record: Record, owners: Mapping[str, Claim]) -> Record | str:
    """The record; a refusal in its place; or the id of the decision that its key has already."""
    claim = record.claim
    if claim is None or owners[claim.key].decision_id == claim.decision_id:
        return record
    owner = owners[claim.key]
    if owner.fingerprint == claim.fingerprint:
        return owner.decision_id
    return Record(_conflict(record.decision, owner.decision_id), record.content_hash)


def _id(one: Record | str) -> str:
    return one if isinstance(one, str) else one.decision.id or ""


def _held(connection: Connection, ids: Collection[str]) -> dict[str, Row]:
    query = select(DECISIONS.c.id, DECISIONS.c.content_hash, DECISIONS.c.document)
    return {row.id: row for row in rows_with(connection, query, DECISIONS.c.id, list(ids))}


def _new(settled: Iterable[Record | str], held: Mapping[str, Row]) -> dict[str, Record]:
    """What is not on record yet. Raises `DecisionConflictError`."""
    new: dict[str, Record] = {}
    for one in settled:
        if isinstance(one, str):
            continue
        known = held.get(_id(one)) or new.setdefault(_id(one), one)
        if known.content_hash != one.content_hash:
            raise DecisionConflictError(f"decision {_id(one)} is about other content")
    return new


def _add_evidence(connection: Connection, records: Iterable[Record]) -> None:
    rows = [record.evidence for record in records if record.evidence is not None]
    if rows:
        connection.execute(insert(EVIDENCE), rows)


def _answer(record: Record, one: Record | str, recorded: Decision) -> Decision:
    """What is recorded; by a key for an ad that may have another id than when it was decided."""
    if isinstance(one, Record):
        return recorded
    return recorded.model_copy(
        update={"ad_id": record.decision.ad_id, "timings": dict(recorded.timings)}
    )


def _conflict(decision: Decision, held: str) -> Decision:
    detail = f"this idempotency key belongs to decision {held}, which is about other content"
    return refused(decision, Code.IDEMPOTENCY_CONFLICT, detail)


def refused(decision: Decision, code: Code, detail: str) -> Decision:
    """An error in the place of a decision that is not to be."""
    return Decision(
        id=decision.id,
        ad_id=decision.ad_id,
        outcome="error",
        reasons=[code],
        problem=Problem(code=code, detail=detail),
        versions=decision.versions,
        trace_id=decision.trace_id,
        timings=decision.timings,
        decided_at=decision.decided_at,
    )


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


def _ruled(connection: Connection, decisions: list[Decision]) -> list[Decision]:
    """The decisions, each with what people settled since."""
    rulings = rulings_of(connection, [decision.id or "" for decision in decisions])
    for decision in decisions:
        decision.ruling = rulings.get(decision.id or "")
    return decisions
