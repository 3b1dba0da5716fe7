"""The database's tables, step by step: what each release adds, as scripts of Alembic in `versions`.

They only expand. Two releases work on one database during an upgrade, and again after a roll back:
so a step adds tables, and columns that may be null or have a default in the database, which the
earlier release, that does not name them, leaves to it. Each script is written out, so that it
makes tomorrow what it made today.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, MetaData, inspect, text

HEAD = "0003"
"""The revision of this release: known without Alembic, which a room then need not load."""

# Before it is imported: it tells of its plugins then, and later of each step what we tell of all.
logging.getLogger("alembic").setLevel(logging.WARNING)

VERSION_TABLE = "alembic_version"


class CannotMigrate(Exception):
    """A database whose tables are not those of any release. The message completes a sentence."""


class MayNotMigrate(Exception):
    """The tables are another role's."""


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is of; None for an empty one, and for one of release 0.1.0."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return None if found is None else str(found)


def missing(connection: Connection, metadata: MetaData) -> list[str]:
    """The tables of `metadata` that are not there, as `table`, and their columns, as
    `table.column`."""
    there = inspect(connection)
    lacking: list[str] = []
    for table in metadata.sorted_tables:
        if there.has_table(table.name):
            held = {column["name"] for column in there.get_columns(table.name)}
            own = [column.name for column in table.columns]
            lacking += [f"{table.name}.{name}" for name in own if name not in held]
        else:
            lacking.append(table.name)
    return lacking
