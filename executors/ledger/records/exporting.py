"""Decisions with their evidence as rows of a table, the oldest first, a page at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row

from adjudicate.documents import ExportRow
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.records.asking import Ask
from executors.ledger.records.searching import found
from executors.shared.database import writing

_DECIDED = ("rule", "confidence", "judged", "flagged", "audit", "cached")
_COLUMNS = ("ad_id", "outcome", "trace_id", "decided_at")
_EVIDENCE = (
    *("advertiser", "market", "product", "language", "text", "picture", "phash", "erased_at"),
)
_RULED = ("ruling_outcome", "ruling_rule", "ruling_source", "ruled_at")


@dataclass(frozen=True)
class Exporter:
    """Blocking: call it from a thread."""

    engine: Engine

    def rows(self, ask: Ask, by: str) -> list[ExportRow]:
        """One page. The first one, which has no `after`, is noted in the audit trail.

        Raises `AdError`: `invalid_field` for an export by a picture's hash, `not_found` for an
        `after` that is no decision's id.
        """
        if ask.phash:
            raise AdError(Code.INVALID_FIELD, "near-duplicates are searched for, not exported")
        if not ask.after:
            self._note(ask, by)
        with self.engine.connect() as connection:
            return [_export_row(row) for row in found(connection, ask, oldest_first=True)]

    def _note(self, ask: Ask, by: str) -> None:
        # Which fields chose the rows, and the times; what else was asked for may be personal.
        chosen = sorted(
            name for name, value in vars(ask).items() if value and name not in ("limit", "after")
        )
        facts = {"since": ask.since, "until": ask.until, "chosen_by": " ".join(chosen)}
        with writing(self.engine) as connection:
            append(connection, [Deed("exported", "decisions", by, facts)])


def _export_row(row: Row[Any]) -> ExportRow:
    document = json.loads(row.document)
    return ExportRow(
        id=row.id,
        **{name: getattr(row, name) for name in _COLUMNS},
        **{name: getattr(row, name) or "" for name in (*_EVIDENCE, *_RULED)},
        **{name: document[name] for name in _DECIDED},
        **{name: document[name] for name in ("reasons", "versions", "timings")},
        context=json.loads(row.context) if row.context else {},
    )
