"""A ledger's tables: on SQLite, and where `on_both` says so on PostgreSQL too."""

from collections.abc import Iterator

import pytest

from executors.ledger.learning.propagation import Propagations
from executors.ledger.learning.undoing import Applied
from executors.ledger.store import DecisionStore
from executors.ledger.webhooks.outbox import Outbox


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[DecisionStore]:
    name = "postgres_url" if getattr(request, "param", "") == "postgresql" else "sqlite_url"
    opened = DecisionStore(str(request.getfixturevalue(name)))
    yield opened
    opened.close()


@pytest.fixture
def propagations(store: DecisionStore) -> Propagations:
    return Propagations(store.engine, 31, Outbox(on=True))


@pytest.fixture
def applied(store: DecisionStore) -> Applied:
    return Applied(store.engine, Outbox(on=True))
