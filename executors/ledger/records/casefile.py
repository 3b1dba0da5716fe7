"""All that is known of one decision, put together for whoever looks into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from docarray import DocList
from sqlalchemy import Connection, Row, func, select

from adjudicate.documents import Appeal, CaseFile, DecisionRow, Review
from adjudicate.errors import AdError, Code
from executors.ledger.appeals.reading import appeals_of
from executors.ledger.evidence import evidence_of
from executors.ledger.queue.reading import items, reviews_of
from executors.ledger.records.asking import Ask
from executors.ledger.records.searching import Search, decision_row, found
from executors.ledger.store import DECISIONS, EVIDENCE, RULINGS, DecisionStore

HISTORY = 20
NEAR = 20
"""Lines of each list."""
COUNTED = 1_000
"""Decisions of the advertiser that the counts are of: the newest."""


@dataclass(frozen=True)
class CaseFiles:
    """Reads the tables. Blocking: call it from a thread."""

    store: DecisionStore
    search: Search

    def of(self, decision_id: str) -> CaseFile:
        """The file of a decision, by its id or its ad's. Raises `AdError` `not_found`."""
        decision = self.store.get(decision_id)
        if decision is None:
            raise AdError(Code.NOT_FOUND, f"there is no decision {decision_id[:50]!r}")
        file = CaseFile(id=decision.id, decision=decision)
        with self.store.engine.connect() as connection:
            self._fill(connection, file, decision.id or "")
        if file.evidence is not None:
            file.near = DocList[DecisionRow](self._near(file))
        return file

    def _fill(self, connection: Connection, file: CaseFile, decision_id: str) -> None:
        query = select(EVIDENCE).where(EVIDENCE.c.decision_id == decision_id)
        evidence = connection.execute(query).first()
        file.item = items(connection, [decision_id]).get(decision_id)
        file.reviews = DocList[Review](reviews_of(connection, decision_id))
        file.appeals = DocList[Appeal](appeals_of(connection, decision_id))
        if evidence is None:
            return
        file.evidence = evidence_of(evidence)
        if evidence.advertiser:
            rows = found(connection, Ask(advertiser=evidence.advertiser, limit=HISTORY + 1))
            file.history = DocList[DecisionRow](_others(rows, decision_id)[:HISTORY])
            file.history_counts = _counts(connection, evidence.advertiser)

    def _near(self, file: CaseFile) -> list[DecisionRow]:
        """By the picture, then by the copy."""
        evidence = file.evidence
        assert evidence is not None
        search, near = self.search, {}
        if evidence.phash or evidence.picture:
            ask = Ask(phash=evidence.phash, picture=evidence.picture, limit=NEAR + 1)
            near = {row.id: row for row in search.rows(ask)}
        if copy_hash := self._copy_hash(file.id or ""):
            for row in search.rows(Ask(copy_hash=copy_hash, limit=NEAR + 1)):
                near.setdefault(row.id, row)
        near.pop(file.id, None)
        return list(near.values())[:NEAR]

    def _copy_hash(self, decision_id: str) -> str:
        query = select(EVIDENCE.c.copy_hash).where(EVIDENCE.c.decision_id == decision_id)
        with self.store.engine.connect() as connection:
            return connection.scalar(query) or ""


def _others(rows: Iterable[Row[tuple[object, ...]]], decision_id: str) -> list[DecisionRow]:
    return [decision_row(row) for row in rows if row.id != decision_id]


def _counts(connection: Connection, advertiser: str) -> dict[str, int]:
    """By what counts now."""
    outcome = func.coalesce(RULINGS.c.outcome, DECISIONS.c.outcome).label("outcome")
    joined = EVIDENCE.join(DECISIONS, EVIDENCE.c.decision_id == DECISIONS.c.id)
    newest = (
        select(outcome)
        .select_from(joined.outerjoin(RULINGS, RULINGS.c.decision_id == DECISIONS.c.id))
        .where(EVIDENCE.c.advertiser == advertiser)
        .order_by(EVIDENCE.c.number.desc())
        .limit(COUNTED)
    ).subquery()
    query = select(newest.c.outcome, func.count()).group_by(newest.c.outcome)
    return {name: int(count) for name, count in connection.execute(query)}
