"""Tables of an earlier release get the columns that this one adds, while that one goes on.

Two releases work on one database during an upgrade, and again after a roll back. So a table only
grows: a new column may be null or has a default in the database, which the earlier release, that
does not name it, leaves to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from sqlalchemy import Column, Connection, Engine, MetaData, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateColumn

LOCK_TIMEOUT_MS = 1_000
"""How long a change of a table waits for it. Whoever comes later waits behind it meanwhile."""
GIVE_UP_S = 60.0

logger = logging.getLogger(__name__)


class CannotGrow(Exception):
    """A table lacks a column that the rows which are there could not have."""

    def __init__(self, table: str, column: str) -> None:
        super().__init__(f"its table {table} has no column {column}")


def grow(engine: Engine, metadata: MetaData) -> list[str]:
    """Add the columns that the tables of `metadata` lack; those added, as `table.column`.

    Tables that are not there at all are not made. Of two processes that start together one adds
    them. Raises `CannotGrow` before anything is changed, and what the database raises.
    """
    if not lacking(engine, metadata):
        return []
    give_up = time.monotonic() + GIVE_UP_S
    while True:
        try:
            return _add(engine, metadata)
        except OperationalError:
            # On a server somebody reads the table, perhaps for minutes: come again, so that the
            # ads of the others need not wait behind this.
            if time.monotonic() > give_up:
                raise
            time.sleep(LOCK_TIMEOUT_MS / 1_000)


def lacking(engine: Engine, metadata: MetaData) -> list[str]:
    """The columns that `grow` would add, as `table.column`. Raises `CannotGrow`."""
    with engine.connect() as connection:
        columns = list(_lacking(connection, metadata))
    for column in columns:
        if not _optional(column):
            raise CannotGrow(column.table.name, column.name)
    return [_name(column) for column in columns]


def _add(engine: Engine, metadata: MetaData) -> list[str]:
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        added = list(_lacking(connection, metadata))
        for column in added:
            connection.execute(text(_statement(connection, column)))
    names = [_name(column) for column in added]
    if names:
        logger.warning("the database of an earlier release has new columns: %s", ", ".join(names))
    return names


def _lacking(connection: Connection, metadata: MetaData) -> Iterator[Column]:
    there = inspect(connection)
    for table in metadata.sorted_tables:
        if there.has_table(table.name):
            columns = {column["name"] for column in there.get_columns(table.name)}
            yield from (column for column in table.columns if column.name not in columns)


def _name(column: Column) -> str:
    return f"{column.table.name}.{column.name}"


def _optional(column: Column) -> bool:
    """Whether rows that are there, and those that an earlier release writes, can do without it."""
    keyed = column.primary_key or column.unique or column.foreign_keys or column.index
    return not keyed and bool(column.nullable or column.server_default is not None)


def _statement(connection: Connection, column: Column) -> str:
    dialect = connection.dialect
    unless = "IF NOT EXISTS " if dialect.name == "postgresql" else ""
    table = dialect.identifier_preparer.format_table(column.table)
    return f"ALTER TABLE {table} ADD COLUMN {unless}{CreateColumn(column).compile(dialect=dialect)}"
