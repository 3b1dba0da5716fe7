"""Idempotency keys: one decision per key, however often its ad is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    select,
)

from adjudicate.documents import Case
from executors.shared.database import upsert

PARAMETERS = 1_000
"""Of one statement. SQLite takes 32,766, PostgreSQL 65,535."""

_DECIDES = (*("content_hash", "market", "product", "language", "rationale", "advertiser"),)
"""What of an ad its decision depends on, beside its context; not its id, trace or deadline."""


def keys_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables. A key goes with its decision."""
    return Table(
        "decision_keys",
        metadata,
        Column("key", String(200), primary_key=True),
        Column(
            "decision_id",
            Text,
            # Deferred: a key is taken before its decision is written, in the same transaction.
            ForeignKey("decisions.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
            nullable=False,
            index=True,
        ),
        Column("fingerprint", String(64), nullable=False),
    )


@dataclass(frozen=True)
class Claim:
    """A key, the decision that wants it, and the fingerprint of the ad that came with it."""

    key: str
    decision_id: str
    fingerprint: str


def fingerprint(case: Case) -> str:
    """SHA-256, hex, of all that an ad's decision depends on."""
    said = {name: getattr(case, name) for name in _DECIDES} | {"context": case.context}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def take_keys(connection: Connection, table: Table, claims: Iterable[Claim]) -> Mapping[str, Claim]:
    """Who has each key now: the first that ever claimed it, of this transaction or before.

    A key that another transaction is just taking is waited for. The rows are written in the order
    of their keys, so that ledgers side by side cannot each wait for the other.
    """
    wanted = {claim.key: claim for claim in reversed(list(claims))}
    if not wanted:
        return {}
    rows = [vars(wanted[key]) for key in sorted(wanted)]
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), rows)
    held = rows_with(connection, select(table), table.c.key, list(wanted))
    return {row.key: Claim(row.key, row.decision_id, row.fingerprint) for row in held}


def rows_with(
    connection: Connection, query: Select[Any], column: Column[Any], values: Sequence[Any]
) -> Iterator[Row[Any]]:
    """The rows of `query` whose `column` has one of the values, in statements that are not too
    long for a database."""
    for start in range(0, len(values), PARAMETERS):
        part = values[start : start + PARAMETERS]
        yield from connection.execute(query.where(column.in_(part)))
