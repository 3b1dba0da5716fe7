"""The SQL database of the rooms that keep something: SQLite as a file, or a server by its URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from adjudicate.errors import ConfigurationError
from executors.shared.schema_growth import CannotGrow, grow, lacking
from executors.shared.telemetry.sql import watch_sql

BUSY_TIMEOUT_MS = 10_000
"""How long a write waits for another process's write. SQLite has one writer at a time."""

_SETTING = "ADJUDICATE_DATABASE"


def open_database(url: str, metadata: MetaData) -> Engine:
    """An engine for the URL, with the tables of `metadata` in place; those of an earlier release
    get the columns that they lack, if rows can do without.

    Raises `ConfigurationError` when the URL is wrong, its driver is missing, nothing answers, or
    the tables there lack what rows cannot do without. The message never shows a password.
    """
    with _said(url) as parsed:
        engine = _engine(parsed)
        grow(engine, metadata)
        _create_tables(engine, metadata)
    watch_sql(engine)
    return engine


def lacking_columns(url: str, metadata: MetaData) -> list[str]:
    """What `open_database` would add to tables that are there, as `table.column`; changes nothing.

    Raises `ConfigurationError` as it does.
    """
    with _said(url) as parsed:
        engine = _engine(parsed)
        try:
            return lacking(engine, metadata)
        finally:
            engine.dispose()


def lacking_tables(url: str, metadata: MetaData) -> list[str]:
    """The tables that `open_database` would make. Raises `ConfigurationError` as it does."""
    with _said(url) as parsed:
        engine = _engine(parsed)
        try:
            there = set(inspect(engine).get_table_names())
            return [table.name for table in metadata.sorted_tables if table.name not in there]
        finally:
            engine.dispose()


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
    except CannotGrow as error:
        raise ConfigurationError(
            f"{_SETTING}: {shown} was made by an earlier release ({error}): export the exemplars "
            f"with that release and import them into a fresh database, named by {_SETTING}."
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


def _create_tables(engine: Engine, metadata: MetaData) -> None:
    try:
        with writing(engine) as connection:
            metadata.create_all(connection)
    except DBAPIError:
        # Two replicas that start together on a server may both see no table and both create it.
        with writing(engine) as connection:
            metadata.create_all(connection)
