"""The databases, caches and browsers that tests run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.chromium import Chromium, NoChromium, find_chromium
from tests.services.postgres import NoPostgres, Postgres, running_postgres
from tests.services.redis import NoRedis, RedisServer, running_redis
from tests.services.tables import fresh_sqlite, prepare


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests that want it; skips where there is none."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgres as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def prepared_postgres(postgres: Postgres) -> str:
    """The name of a database that has this release's tables."""
    url = postgres.fresh_database()
    prepare(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres: Postgres, prepared_postgres: str) -> str:
    """A database of its own on PostgreSQL, with the tables and nothing in them."""
    return postgres.fresh_database(like=prepared_postgres)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database of its own, with the tables and nothing in them."""
    return fresh_sqlite(tmp_path / "data" / "adjudicate.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest) -> str:
    """A fresh database: the test runs on SQLite and on PostgreSQL."""
    name = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One without any table: of SQLite not even the file is there."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'adjudicate.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.fresh_database()


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
