"""Records on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from executors.ledger.store import METADATA, DecisionStore
from executors.shared.database import writing
from executors.shared.pictures import PictureStore
from tests.ledger.records.archive import Archive
from tests.services.postgres import Postgres
from tests.services.tables import fresh_sqlite

_KEPT = ("audit_entries", "audit_head")
"""The trail cannot be emptied. That it goes on is no matter here."""


@pytest.fixture(scope="session")
def records_url(postgres: Postgres) -> str:
    """A database that these tests empty and share: to make its tables takes long."""
    return postgres.fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """Empty; the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield from _opened(fresh_sqlite(tmp_path / "ledger.db"), tmp_path)
        return
    url: str = request.getfixturevalue("records_url")
    store = DecisionStore(url)
    tables = [table.name for table in METADATA.sorted_tables if table.name not in _KEPT]
    with writing(store.engine) as connection:
        connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
    store.close()
    yield from _opened(url, tmp_path)


@pytest.fixture
def light(sqlite_url: str, tmp_path: Path) -> Iterator[Archive]:
    """Empty, on SQLite alone: for what no database does differently."""
    yield from _opened(sqlite_url, tmp_path)


def _opened(url: str, tmp_path: Path) -> Iterator[Archive]:
    store = DecisionStore(url)
    yield Archive(store, PictureStore(str(tmp_path / "pictures")))
    store.close()
