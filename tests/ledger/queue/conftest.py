"""A desk on SQLite, and on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from executors.ledger.store import METADATA, DecisionStore
from executors.shared.database import writing
from executors.shared.settings import QueueSettings
from tests.ledger.queue.desk import Desk
from tests.services.postgres import Postgres
from tests.services.tables import fresh_sqlite

MakeDesk = Callable[..., Desk]

_KEPT = ("audit_entries", "audit_head")
"""The trail cannot be emptied. That it goes on is no matter here."""


def _nothing(connection: Connection, decision_id: str) -> bool:
    return False


@pytest.fixture(scope="session")
def one_postgres_url(postgres: Postgres) -> str:
    """A database that the queue's tests empty and share: to make its tables takes long."""
    return postgres.fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What differs from database to database is tested on both."""
    if request.param == "sqlite":
        return fresh_sqlite(tmp_path / "ledger.db")
    url: str = request.getfixturevalue("one_postgres_url")
    _empty(url)
    return url


def _empty(url: str) -> None:
    store = DecisionStore(url)
    tables = [table.name for table in METADATA.sorted_tables if table.name not in _KEPT]
    with writing(store.engine) as connection:
        connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
    store.close()


@pytest.fixture
def make_desk(database_url: str) -> Iterator[MakeDesk]:
    """A desk with the settings that a test wants."""
    opened: list[DecisionStore] = []

    def make(built_on: Any = _nothing, **settings: Any) -> Desk:
        opened.append(DecisionStore(database_url))
        return Desk(opened[-1], QueueSettings(**settings), built_on)

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(reject_share=0)
