"""Reading the trail: pages for people, and all of it in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, Row, Select, select

from adjudicate.audit.chain import Entry, canonical
from adjudicate.audit.checking import Broken
from adjudicate.documents import AuditAsk, AuditEntry
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import ENTRIES

MOST = 1_000
"""Entries of one page."""

READ_AT_ONCE = 1_000
_TEXTS = ("what", "subject", "actor", "since", "until")


def page(engine: Engine, asked: AuditAsk) -> list[AuditEntry]:
    """The entries that are asked for. Raises `AdError` `invalid_field`."""
    if not 1 <= asked.limit <= MOST:
        raise AdError(Code.INVALID_FIELD, f"limit must be from 1 to {MOST:,}")
    if asked.before < 0:
        raise AdError(Code.INVALID_FIELD, "before must be the number of an entry")
    if any("\0" in getattr(asked, name) for name in _TEXTS):
        return []  # none has one, and PostgreSQL takes none
    query = _filtered(asked).limit(asked.limit)
    with engine.connect() as connection:
        return [_document(row) for row in connection.execute(query)]


def entries(engine: Engine, last: int) -> Iterator[list[Entry]]:
    """All entries up to the number `last` and those that no trail has, below 1; in the order of
    their numbers, some at a time.

    Each part is a short transaction of its own: nothing waits for whoever reads. Raises `Broken`
    for facts that no entry was written with.
    """
    above = None
    while True:
        query = select(ENTRIES).where(ENTRIES.c.number <= last).order_by(ENTRIES.c.number)
        if above is not None:
            query = query.where(ENTRIES.c.number > above)
        with engine.connect() as connection:
            rows = connection.execute(query.limit(READ_AT_ONCE)).all()
        if rows:
            yield [_entry(row) for row in rows]
            above = rows[-1].number
        if len(rows) < READ_AT_ONCE:
            return


def _filtered(asked: AuditAsk) -> Select[Any]:
    table = ENTRIES.c
    query = select(ENTRIES)
    for name in ("what", "subject"):
        if value := getattr(asked, name):
            query = query.where(table[name] == value)
    if asked.actor.endswith("*"):
        query = query.where(table.by.startswith(asked.actor[:-1], autoescape=True))
    elif asked.actor:
        query = query.where(table.by == asked.actor)
    if asked.since:
        query = query.where(table.at >= asked.since)
    if asked.until:
        query = query.where(table.at < asked.until)
    if asked.before:
        above = table.number > asked.before
        query = query.where(above if asked.oldest else table.number < asked.before)
    return query.order_by(table.number if asked.oldest else table.number.desc())


def _document(row: Row[Any]) -> AuditEntry:
    return AuditEntry(id=str(row.number), **row._mapping)


def _entry(row: Row[Any]) -> Entry:
    try:
        facts = json.loads(row.facts)
        if not isinstance(facts, dict) or canonical(facts) != row.facts:
            raise ValueError
    except ValueError:
        why = f"entry {row.number} was changed: its facts are not written as an entry's are"
        raise Broken(row.number, why) from None
    return Entry(**{**row._mapping, "facts": facts})
