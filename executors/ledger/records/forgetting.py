"""Takes what is personal out of the tables, and pictures out of their store.

Files go first, then the rows that name them: whatever is interrupted is found again and finished.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, update

from executors.ledger.keys import PARAMETERS, rows_with
from executors.ledger.store import (
    APPEALS,
    DECISIONS,
    EVIDENCE,
    KEYS,
    LESSONS,
    PROPAGATIONS,
    QUEUE,
    REVIEWS,
    RULINGS,
    VERDICTS,
)
from executors.shared.database import writing
from executors.shared.pictures import PictureStore

BATCH = 500
"""Decisions of one transaction."""

_OF_EVIDENCE = ("text", "letters", "advertiser", "context", "copy_hash", "salt")
_PEOPLE_WRITE: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (QUEUE, ("advertiser", "excerpt")),
    (REVIEWS, ("note",)),
    (RULINGS, ("note",)),
    (APPEALS, ("reason", "contact", "note")),
    (VERDICTS, ("note",)),
    (LESSONS, ("note",)),
    (PROPAGATIONS, ("note",)),
)
"""Where the copy or the advertiser stands or may be quoted, by table."""
_QUOTES = {"findings": ("claim", "rationale"), "matches": ("matched",)}
"""What of a decision's document is the ad's own words."""

logger = logging.getLogger(__name__)


@contextmanager
def wiping(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, after which what it took out is not in SQLite's file either."""
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        yield connection


def wipe_log(engine: Engine) -> None:
    """Empty SQLite's log, in which older pages stand until they are written over. Where somebody
    reads them just now they are left to the next time. A server's own upkeep does the like."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def forget_copy(connection: Connection, ids: Sequence[str], at: str) -> None:
    """Take out copy, advertiser, context and all that quotes them, of these decisions.

    The salt goes with them: the audit trail's commitments then say nothing that could be guessed.
    """
    _set(connection, EVIDENCE, ids, {**_blank(_OF_EVIDENCE), "copy_gone_at": at})
    _set(connection, KEYS, ids, _blank(("fingerprint",)))
    for table, columns in _PEOPLE_WRITE:
        _set(connection, table, ids, _blank(columns))
    query = select(DECISIONS.c.id, DECISIONS.c.document)
    for row in list(rows_with(connection, query, DECISIONS.c.id, ids)):
        document = without_quotes(row.document)
        if document != row.document:
            change = update(DECISIONS).where(DECISIONS.c.id == row.id)
            connection.execute(change.values(document=document))


def forget_all(connection: Connection, ids: Sequence[str], at: str) -> None:
    """As `forget_copy`, and the hashes of picture and content, by which an ad could be known."""
    forget_copy(connection, ids, at)
    gone = {**_blank(("picture", "phash")), "picture_gone_at": at, "erased_at": at}
    _set(connection, EVIDENCE, ids, gone)
    _set(connection, QUEUE, ids, _blank(("picture",)))
    for start in range(0, len(ids), PARAMETERS):
        part = ids[start : start + PARAMETERS]
        change = update(DECISIONS).where(DECISIONS.c.id.in_(part))
        connection.execute(change.values(content_hash=""))


def without_quotes(document: str) -> str:
    """A decision's document without the ad's own words."""
    said = json.loads(document)
    for name, fields in _QUOTES.items():
        for part in said.get(name) or ():
            part |= {field: "" for field in fields if part.get(field)}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def delete_pictures(
    engine: Engine, store: PictureStore, pictures: Iterable[str], but_for: Collection[str]
) -> int:
    """Delete the pictures that no decision holds beside those of `but_for`; how many were there.

    The gateway may keep a picture again while it is deleted here, for an ad that was just decided.
    It finds the picture there, and does nothing: so what is deleted is put back when a decision
    holds it afterwards. Raises `OSError` when the store does not answer.
    """
    wanted = sorted({picture for picture in pictures if picture})
    with engine.connect() as connection:
        held = held_elsewhere(connection, wanted, but_for)
    deleted = 0
    for picture in wanted:
        if picture not in held:
            deleted += _delete(engine, store, picture, but_for)
    return deleted


def held_elsewhere(
    connection: Connection, pictures: Sequence[str], but_for: Collection[str]
) -> set[str]:
    """Which of the pictures other decisions hold, beside those of `but_for`."""
    query = select(EVIDENCE.c.picture, EVIDENCE.c.decision_id)
    query = query.where(EVIDENCE.c.picture_gone_at == "")
    rows = rows_with(connection, query, EVIDENCE.c.picture, pictures)
    return {row.picture for row in rows if row.decision_id not in but_for}


def _delete(engine: Engine, store: PictureStore, picture: str, but_for: Collection[str]) -> int:
    try:
        data = store.get(picture)
    except FileNotFoundError:
        return 0
    except OSError:
        logger.exception("picture %s cannot be read before it is deleted", picture)
        data = b""
    deleted = store.delete([picture])
    with engine.connect() as connection:
        wanted_again = bool(held_elsewhere(connection, [picture], but_for))
    if wanted_again and data:
        store.put(data)
        return 0
    return deleted


def _blank(columns: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(columns, "")


def _set(connection: Connection, table: Table, ids: Sequence[str], values: dict[str, Any]) -> None:
    for start in range(0, len(ids), PARAMETERS):
        part = ids[start : start + PARAMETERS]
        connection.execute(update(table).where(table.c.decision_id.in_(part)).values(**values))
