"""The API keys in SQL: what the command line writes and every gateway follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from adjudicate.errors import Code, RequestError
from executors.gateway.access.keys import ApiKey, make_key, moment, seconds_of
from executors.gateway.access.session_store import sessions_table
from executors.gateway.caller import Scope
from executors.shared.database import open_database, upsert, writing

METADATA = MetaData()

MAX_NAME = 200

KEYS = Table(
    "api_keys",
    METADATA,
    # The order in which they were made: two may be of one second.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("name", String(MAX_NAME), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", String(40), nullable=False),
    # Empty: never; likewise the two below.
    Column("expires", String(40), nullable=False),
    Column("revoked", String(40), nullable=False),
    Column("last_used", String(40), nullable=False),
)

VERSION = Table(
    "api_keys_version",
    METADATA,
    Column("id", Integer, primary_key=True),
    # Moved by each change but a use, so that a gateway reads one number to know that it is current.
    Column("version", Integer, nullable=False),
)

SESSIONS = sessions_table(METADATA)
"""Of the console; see `sessions.Sessions`."""


Note = Callable[[Connection, str, str, Mapping[str, str]], None]
"""Takes what was done, the id of the key, and facts."""


def _nowhere(connection: Connection, what: str, key_id: str, facts: Mapping[str, str]) -> None:
    """For whoever makes keys where there is no trail of it."""


class KeyStore:
    """The keys. One is made and revoked, never changed and never deleted: decisions name it."""

    def __init__(self, url: str, note: Note | None = None) -> None:
        """`note` is told of each change, in its transaction, and may refuse it by raising.

        Raises `ConfigurationError` when the database cannot be opened.
        """
        self._note = note or _nowhere
        self._engine = open_database(url, METADATA)
        with writing(self._engine) as connection:
            first = upsert(connection, VERSION).values(id=1, version=0)
            connection.execute(first.on_conflict_do_nothing())

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def create(
        self, name: str, scopes: Iterable[Scope], expires: float | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is nowhere else. `expires` is Unix time, seconds.

        Raises `ValueError` for a name or scopes that nobody could tell apart, or a past `expires`.
        """
        now = float(int(time.time()))
        name, allowed = name.strip(), frozenset(scopes)
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise ValueError(f"a key's name has 1 to {MAX_NAME} printable characters")
        if not allowed:
            raise ValueError("a key without a scope allows nothing: give it one or more")
        if expires is not None and expires <= now:
            raise ValueError("the key would have expired already")
        key, text = make_key(name, allowed, now, expires)
        with writing(self._engine) as connection:
            connection.execute(insert(KEYS).values(**_values(key)))
            connection.execute(_MOVE)
            facts = {"scopes": " ".join(sorted(allowed)), "expires": moment(key.expires)}
            self._note(connection, "key_created", key.id, facts)
        return key, text

    def revoke(self, key_id: str) -> ApiKey:
        """The key, revoked now or before. Raises `RequestError` `not_found`."""
        with writing(self._engine) as connection:
            this = KEYS.c.id == key_id
            still = this & (KEYS.c.revoked == "")
            if connection.execute(
                update(KEYS).where(still).values(revoked=moment(time.time()))
            ).rowcount:
                connection.execute(_MOVE)
                self._note(connection, "key_revoked", key_id, {})
            row = connection.execute(select(KEYS).where(this)).first()
        if row is None:
            raise RequestError(Code.NOT_FOUND, f"there is no key {key_id[:50]!r}")
        return _key(row)

    def every(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(KEYS).order_by(KEYS.c.number))
            return [_key(row) for row in rows]

    def version(self) -> int:
        """Moved by each `create` and `revoke`, never back."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(VERSION.c.version)).scalar_one())

    def used(self, last: dict[str, float]) -> None:
        """Note when keys were last used, by id, to the minute."""
        with writing(self._engine) as connection:
            for key_id, at in sorted(last.items()):  # in one order: two gateways cannot deadlock
                minute = moment(at // 60 * 60)
                later = (KEYS.c.id == key_id) & (KEYS.c.last_used < minute)
                connection.execute(update(KEYS).where(later).values(last_used=minute))


_MOVE = update(VERSION).values(version=VERSION.c.version + 1)


def _values(key: ApiKey) -> dict[str, str]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "digest": key.digest,
        "created": moment(key.created),
        "expires": moment(key.expires),
        "revoked": moment(key.revoked),
        "last_used": moment(key.last_used),
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        # A scope of a later release allows nothing here.
        scopes=frozenset(Scope(name) for name in row.scopes.split() if name in set(Scope)),
        digest=row.digest,
        created=seconds_of(row.created) or 0.0,
        expires=seconds_of(row.expires),
        revoked=seconds_of(row.revoked),
        last_used=seconds_of(row.last_used),
    )
