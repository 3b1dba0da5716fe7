"""Tables of a test's own."""

from __future__ import annotations

from sqlalchemy import Engine, MetaData

from executors.shared.database import open_database, writing


def open_with(url: str, metadata: MetaData) -> Engine:
    """A database as the rooms open it, with these tables too."""
    engine = open_database(url, MetaData())
    with writing(engine) as connection:
        metadata.create_all(connection)
    return engine
