"""The databases, caches and browsers that tests run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.chromium import Chromium, NoChromium, find_chromium
from tests.services.postgres import NoPostgres, Postgres, running_postgres
from tests.services.redis import NoRedis, RedisServer, running_redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests that want it; skips where there is none."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgres as reason:
        pytest.skip(str(reason))


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A fresh, empty database on PostgreSQL."""
    return postgres.fresh_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'data' / 'adjudicate.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> str:
    """A fresh database: the test runs on SQLite and on PostgreSQL."""
    name = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests that want it; skips where there is none."""
    try:
        with running_redis() as server:
            yield server
    except NoRedis as reason:
        pytest.skip(str(reason))


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """A browser; skips where there is none."""
    try:
        return find_chromium()
    except NoChromium as reason:
        pytest.skip(str(reason))
