"""Whether the trail is whole, and the decisions on record are those that it tells of."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Row, Table, func, select

from adjudicate.audit.chain import Entry
from adjudicate.audit.checking import Broken, Chain
from adjudicate.documents import AuditCheck
from executors.ledger.audit.deeds import content_commitment, document_commitment
from executors.ledger.audit.reading import entries
from executors.ledger.audit.trail import ENTRIES, HEAD, TrailLost, read_head
from executors.ledger.keys import rows_with

MOST_NAMED = 100
"""Changed decisions that are named."""

_PAUSE_S = 0.002
"""Between parts: a verification must not take the ledger's processor from the ads."""


class Verifier:
    """Goes through the whole trail. Blocking, some 25 µs an entry: call it from a thread."""

    def __init__(self, engine: Engine, decisions: Table, evidence: Table) -> None:
        self._engine = engine
        self._decisions = decisions
        self._evidence = evidence

    def verify(self, asked: AuditCheck) -> AuditCheck:
        """The answer to what is asked: `head`, an end that was noted earlier, or empty."""
        answer = AuditCheck(id=asked.id)
        chain = Chain(noted=asked.head)
        try:
            with self._engine.connect() as connection:
                head = read_head(connection)
            for part in entries(self._engine, head.number):
                chain.take(part)
                self._compare(part, answer)
                time.sleep(_PAUSE_S)
            chain.ends(head.number, head.hash)
            self._nothing_behind()
        except Broken as broken:
            answer.broken, answer.why = max(broken.number, 1), broken.why
        except TrailLost as lost:
            answer.broken, answer.why = 1, str(lost)
        answer.entries, answer.head, answer.last_at = chain.entries, chain.hash, chain.at
        answer.whole = not answer.broken and not answer.changed
        if answer.changed and not answer.why:
            answer.why = f"decision {answer.changed[0]} is not as it was decided"
        return answer

    def _nothing_behind(self) -> None:
        """Raises `Broken` for an entry after the end."""
        last = select(func.max(ENTRIES.c.number)).scalar_subquery()
        # In one statement: entries may come while this looks.
        with self._engine.connect() as connection:
            end, number = connection.execute(select(HEAD.c.number, last)).one()
        if (number or 0) > end:
            raise Broken(end + 1, f"entry {number} stands behind the end, which is entry {end}")

    def _compare(self, part: Iterable[Entry], answer: AuditCheck) -> None:
        """The decisions that these entries tell of, with what is on record."""
        told = [entry for entry in part if entry.what == "decided"]
        proven = {e.subject: e.facts for e in told if e.facts.get("content")}
        answer.unproven += len(told) - len(proven)
        held = self._held(list(proven))
        for decision_id, facts in proven.items():
            row = held.get(decision_id)
            if row is None or not row.salt or row.copy_gone_at or row.erased_at:
                answer.unproven += 1
            elif _same(facts, row):
                answer.decisions += 1
            elif len(answer.changed) < MOST_NAMED:
                answer.changed.append(decision_id)

    def _held(self, ids: Sequence[str]) -> dict[str, Row[Any]]:
        decisions, evidence = self._decisions.c, self._evidence
        query = select(evidence, decisions.document).join(
            self._decisions, decisions.id == evidence.c.decision_id
        )
        with self._engine.connect() as connection:
            found = rows_with(connection, query, evidence.c.decision_id, ids)
            return {row.decision_id: row for row in found}


def _same(facts: Mapping[str, Any], row: Row[Any]) -> bool:
    return content_commitment(row.salt, row._asdict()) == facts["content"] and document_commitment(
        row.salt, row.document
    ) == facts.get("document")
