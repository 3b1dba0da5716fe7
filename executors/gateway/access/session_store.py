"""The console's sessions in SQL."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    MetaData,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from executors.gateway.access.keys import moment, seconds_of
from executors.gateway.caller import Caller, Scope
from executors.shared.database import writing


def sessions_table(metadata: MetaData) -> Table:
    """The sessions: the digest of each cookie, whose it is, and until when."""
    return Table(
        "console_sessions",
        metadata,
        Column("digest", String(64), primary_key=True),
        Column("caller", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("created", String(40), nullable=False),
        Column("seen", String(40), nullable=False),
        Column("expires", String(40), nullable=False),
        # When the key or token is worth nothing any more; empty: never.
        Column("caller_expires", String(40), nullable=False),
    )


@dataclass(frozen=True)
class Session:
    """One sign-in. `csrf` is what its forms carry: who has only the cookie cannot tell it."""

    digest: str
    caller: Caller
    expires: float
    """Unix time, seconds, as the next."""
    seen: float
    csrf: str = ""


class SessionStore:
    """The sessions in SQL, so that every gateway knows them and each can end them."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._table = table

    def add(self, session: Session) -> None:
        """Keep a new one, and forget those that are over."""
        caller, table = session.caller, self._table
        now = moment(time.time())
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.expires < now))
            connection.execute(
                insert(table).values(
                    digest=session.digest,
                    caller=caller.id,
                    name=caller.name,
                    scopes=json.dumps(sorted(caller.scopes)),
                    created=now,
                    seen=moment(session.seen),
                    expires=moment(session.expires),
                    caller_expires=moment(caller.expires),
                )
            )

    def get(self, digest: str) -> Session | None:
        """That of the digest."""
        query = select(self._table).where(self._table.c.digest == digest)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _session(row)

    def saw(self, digest: str, at: float) -> None:
        """Note that it was used."""
        with writing(self._engine) as connection:
            this = self._table.c.digest == digest
            connection.execute(update(self._table).where(this).values(seen=moment(at)))

    def end(self, digest: str) -> None:
        """Forget it."""
        with writing(self._engine) as connection:
            connection.execute(delete(self._table).where(self._table.c.digest == digest))

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()


def _session(row: Row[Any]) -> Session:
    scopes = json.loads(row.scopes)
    caller = Caller(
        row.caller,
        row.name,
        frozenset(Scope(name) for name in scopes if name in set(Scope)),
        seconds_of(row.caller_expires),
    )
    expires, seen = seconds_of(row.expires) or 0.0, seconds_of(row.seen) or 0.0
    return Session(row.digest, caller, expires, seen)
