"""The SQL database of the rooms that keep something: SQLite as a file, or a server by its URL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from adjudicate.errors import ConfigurationError
from executors.shared.migrations import (
    HEAD,
    CannotMigrate,
    MayNotMigrate,
    missing,
    revision_of,
)
from executors.shared.telemetry.sql import watch_sql

BUSY_TIMEOUT_MS = 10_000
"""How long a write waits for another process's write. SQLite has one writer at a time."""

_SETTING = "ADJUDICATE_DATABASE"

logger = logging.getLogger(__name__)


def open_database(url: str, metadata: MetaData) -> Engine:
    """An engine for the URL, with the tables of `metadata` in place: a database of an earlier
    release is brought to this one's revision, one of a later release is taken as it is.

    Raises `ConfigurationError` when the URL is wrong, its driver is missing, nothing answers, or
    what the tables lack cannot be added. The message never shows a password.
    """
    with opened(url) as engine:
        _ensure(engine, metadata)
    watch_sql(engine)
    return engine


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine for the URL, its tables as they are; what goes wrong with it meanwhile becomes the
    sentence of a `ConfigurationError`. It stays open."""
    with _said(url) as parsed:
        yield _engine(parsed)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for a server. Raises `ConfigurationError`."""
    parsed = _parse(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back when anything raises.

    On SQLite it takes the write lock at its start, so that what it read still holds when it
    writes; a lock taken later fails at once if another process wrote in between.
    """
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


def upsert(connection: Connection, table: Table) -> Any:
    """An insert into `table` that knows `on_conflict_do_update` and `on_conflict_do_nothing`.

    Raises `ConfigurationError` for a database that has no such insert.
    """
    dialects = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    name = connection.dialect.name
    if name not in dialects:
        raise ConfigurationError(f"{_SETTING}: {name} is not supported; use PostgreSQL or SQLite.")
    return dialects[name](table)


@contextmanager
def _said(url: str) -> Iterator[URL]:
    """The URL; what goes wrong with its database becomes a sentence."""
    parsed = _parse(url)
    shown = parsed.render_as_string(hide_password=True)
    try:
        yield parsed
    except ImportError as error:
        raise ConfigurationError(
            f"{_SETTING}: the driver of {shown} is not installed ({error})."
        ) from None
    except CannotMigrate as error:
        raise ConfigurationError(
            f"{_SETTING}: {shown} is of no release that this one knows ({error}): export the "
            f"exemplars with the one that made it, and import them into a fresh database."
        ) from None
    except MayNotMigrate:
        raise ConfigurationError(
            f"{_SETTING}: {shown} is of an earlier release, and its tables are another role's: "
            "run `adjudicate database prepare` as their owner."
        ) from None
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ConfigurationError(f"{_SETTING}: {shown} cannot be opened: {reason}.") from None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{_SETTING}: must be a URL that SQLAlchemy reads, such as sqlite:///data/adjudicate.db."
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(
            f"{_SETTING}: decisions are kept on disk: name a file, as in sqlite:///data/adjudicate.db."
        )
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    assert url.database is not None
    Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin a transaction by itself, and later than asked; _begin_sqlite does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A decision is on disk before it is answered: in WAL mode only FULL syncs each commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _ensure(engine: Engine, metadata: MetaData) -> None:
    with engine.connect() as connection:
        revision = revision_of(connection)
    if revision == HEAD:
        return
    # Here, since a room whose database is as it should be starts without Alembic.
    from executors.shared.migrations.running import is_known, migrate

    if revision is None or is_known(revision):
        migrate(engine, metadata)
        return
    with engine.connect() as connection:
        if lacking := missing(connection, metadata):
            raise CannotMigrate(f"revision {revision}; it has no {lacking[0]}")
    logger.warning("the database is of a later release: revision %s, here %s", revision, HEAD)
