"""How often each exemplar flagged an ad, and what became of it.

The ledger counts, in the transaction that records the decisions; the library shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table

from adjudicate.documents import Match
from executors.shared.database import upsert

COUNTS = ("flagged", "rejected", "overturned")


def hits_table(metadata: MetaData) -> Table:
    """The table, as part of a room's own tables."""
    return Table(
        "exemplar_hits",
        metadata,
        Column("exemplar_id", String(200), primary_key=True),
        Column("flagged", Integer, nullable=False),
        Column("rejected", Integer, nullable=False),
        Column("overturned", Integer, nullable=False),
        Column("last_hit_at", String(40), nullable=False),
    )


@dataclass(frozen=True)
class Hits:
    """The exemplars that flagged one ad, and whether the ad was rejected or found compliant."""

    exemplar_ids: tuple[str, ...]
    rejected: bool
    overturned: bool
    at: str
    """UTC, ISO 8601."""


def flagging(matches: Iterable[Match]) -> tuple[str, ...]:
    """The violations among an ad's matches, each once; a policy's term is no exemplar."""
    ids = (m.exemplar_id for m in matches if m.polarity == "violation" and m.signal != "term")
    return tuple(dict.fromkeys(exemplar_id for exemplar_id in ids if exemplar_id))


def count_hits(connection: Connection, table: Table, hits: Iterable[Hits]) -> None:
    """Add the hits to the counts, in the transaction of `connection`.

    The rows are locked in the order of their ids, so that ledgers side by side cannot each wait
    for the other.
    """
    counts: dict[str, Counter[str]] = {}
    last: dict[str, str] = {}
    for hit in hits:
        for exemplar_id in hit.exemplar_ids:
            count = counts.setdefault(exemplar_id, Counter())
            count.update(flagged=1, rejected=int(hit.rejected), overturned=int(hit.overturned))
            last[exemplar_id] = max(last.get(exemplar_id, ""), hit.at)
    if not counts:
        return
    rows = [
        {"exemplar_id": exemplar_id, "last_hit_at": last[exemplar_id]}
        | {name: counts[exemplar_id][name] for name in COUNTS}
        for exemplar_id in sorted(counts)
    ]
    statement = upsert(connection, table)
    changes = {name: table.c[name] + statement.excluded[name] for name in COUNTS}
    changes["last_hit_at"] = statement.excluded.last_hit_at
    connection.execute(
        statement.on_conflict_do_update(index_elements=[table.c.exemplar_id], set_=changes), rows
    )
