"""The audit trail in SQL: entries are added in the transaction of what they tell of, never changed.

with writing(engine) as connection:
    …                                  # what is done
    append(connection, [Deed(…)])      # last: it holds the trail's end until the commit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)
from sqlalchemy import update as update_of

from adjudicate.audit.chain import GENESIS, Entry, Fact, canonical, hash_of

_ONLY = 1
"""The id of the one row of `audit_head`."""


def audit_tables(metadata: MetaData) -> tuple[Table, Table]:
    """The entries and the end of the trail, as part of the ledger's own tables."""
    entries = Table(
        "audit_entries",
        metadata,
        # Without a gap: given by the end of the trail, not by the database.
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("at", String(40), nullable=False, index=True),
        Column("what", String(40), nullable=False, index=True),
        Column("subject", Text, nullable=False, index=True),
        Column("by", Text, nullable=False, index=True),
        Column("facts", Text, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
    )
    head = Table(
        "audit_head",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("number", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("at", String(40), nullable=False),
    )
    return entries, head


ENTRIES, HEAD = audit_tables(MetaData())


@dataclass(frozen=True)
class Deed:
    """What somebody or something did. Nothing personal: codes, hashes and ids only, since an entry
    is never erased."""

    what: str
    """Such as `decided`, `reviewed`, `erased`: docs/audit.md lists them."""
    subject: str
    """The id of what it was done to: a decision, an exemplar, an appeal, …"""
    by: str
    """`key:<id>`, `jwt:<subject>`, `open`, `model:…`, `rule:…` or `service`."""
    facts: Mapping[str, Fact] = field(default_factory=dict)


_MOST = 500
"""Characters of an id: PostgreSQL's indexes have a bound."""


@dataclass(frozen=True)
class Head:
    """The end of the trail."""

    number: int = 0
    hash: str = GENESIS
    at: str = ""


class TrailLost(Exception):
    """The end of the trail is not in the database: somebody took it away."""


def append(connection: Connection, deeds: Sequence[Deed]) -> None:
    """Add the deeds to the trail, in the transaction of `connection`, which must be one of
    `writing`. Call it last there: whoever else appends waits until the transaction ends.

    Raises `TrailLost`, and `ValueError` for facts that JSON cannot hold.
    """
    if not deeds:
        return
    head = read_head(connection, lock=True)
    entries = _entries(head, deeds)
    rows = [{**vars(entry), "facts": canonical(entry.facts)} for entry in entries]
    connection.execute(insert(ENTRIES), rows)
    last = entries[-1]
    connection.execute(
        update_of(HEAD)
        .where(HEAD.c.id == _ONLY)
        .values(number=last.number, hash=last.hash, at=last.at)
    )


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """The end of the trail; `lock`: nobody else may move it until the transaction ends.

    Raises `TrailLost`.
    """
    query = select(HEAD.c.number, HEAD.c.hash, HEAD.c.at).where(HEAD.c.id == _ONLY)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise TrailLost("the table audit_head has no row: the end of the audit trail is lost")
    return Head(*row)


def _entries(head: Head, deeds: Sequence[Deed]) -> list[Entry]:
    # A clock that goes back, or another ledger's that is behind, must not turn the order round.
    at = max(datetime.now(UTC).isoformat(timespec="milliseconds"), head.at)
    entries: list[Entry] = []
    number, previous = head.number, head.hash
    for deed in deeds:
        number += 1
        said = (_kept(deed.what), _kept(deed.subject), _kept(deed.by), _facts(deed))
        bare = Entry(number, at, *said, previous)
        entry = replace(bare, hash=hash_of(bare))
        entries.append(entry)
        previous = entry.hash
    return entries


def _facts(deed: Deed) -> dict[str, Fact]:
    return {
        name: _kept(value) if isinstance(value, str) else value
        for name, value in deed.facts.items()
    }


def _kept(text: str) -> str:
    """As both databases can hold it, and an index."""
    clean = text[:_MOST].replace("\0", "\ufffd")
    return clean.encode("utf-8", "replace").decode()
