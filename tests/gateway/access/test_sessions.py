"""Sessions in SQL: what is kept of them, how long they hold, and what goes no further."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from adjudicate.errors import RequestError, ServiceError
from executors.gateway.access.authenticator import Authenticator, open_authenticator
from executors.gateway.access.session_store import Session, SessionStore
from executors.gateway.access.sessions import Sessions, csrf_of, digest_of, open_sessions
from executors.gateway.access.store import METADATA, SESSIONS, KeyStore
from executors.gateway.caller import Caller, Scope
from executors.shared.database import open_database
from executors.shared.settings import ConsoleSettings, Settings

HOUR = 3600.0
TOKEN = digest_of("another")


on_both = pytest.mark.parametrize("database", ["sqlite_url", "postgres_url"], indirect=True)
"""What touches SQL in a way of its own; the others are the same on each."""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(getattr(request, "param", "sqlite_url")))


@pytest.fixture
def keys(database: str) -> Iterator[KeyStore]:
    store = KeyStore(database)
    yield store
    store.close()


@pytest.fixture
def secret(keys: KeyStore) -> str:
    return keys.create("mei", [Scope.CONSOLE])[1]


@pytest.fixture
def store(database: str, keys: KeyStore) -> Iterator[SessionStore]:
    made = SessionStore(open_database(database, METADATA), SESSIONS)
    yield made
    made.close()


@pytest.fixture
def authenticator(database: str, secret: str) -> Authenticator:
    found = open_authenticator(Settings(database=database))
    assert found is not None
    return found


@pytest.fixture
def sessions(store: SessionStore, authenticator: Authenticator) -> Sessions:
    return Sessions(store, authenticator, 12 * HOUR, 2 * HOUR)


def cookie(sessions: Sessions, token: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", f"other=1; {sessions.cookie}={token}; more=2".encode())]


@on_both
async def test_a_cookie_stands_for_who_signed_in(sessions: Sessions, secret: str) -> None:
    made, token = await sessions.open(secret)
    found = await sessions.find(cookie(sessions, token))
    assert found is not None
    assert (found.caller.name, found.caller.scopes) == ("mei", {Scope.CONSOLE})
    assert (found.caller, found.csrf) == (made.caller, made.csrf)


@on_both
async def test_neither_cookie_nor_key_is_in_the_database(
    sessions: Sessions, secret: str, database: str
) -> None:
    _, token = await sessions.open(secret)
    with create_engine(database).connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM console_sessions"))
    held = " ".join(map(str, row))
    assert token not in held
    assert secret not in held
    assert csrf_of(token) not in held
    assert digest_of(token) in held


@pytest.mark.parametrize("value", ["", "nothing", "x" * 101, '"', "a=b"])
async def test_another_cookie_stands_for_nobody(sessions: Sessions, value: str) -> None:
    assert await sessions.find(cookie(sessions, value)) is None
    assert await sessions.find([]) is None


async def test_a_session_ends_for_all(sessions: Sessions, secret: str) -> None:
    made, token = await sessions.open(secret)
    await sessions.end(made)
    assert await sessions.find(cookie(sessions, token)) is None


@pytest.mark.parametrize("over", [{"expires": 0.0}, {"seen": 2 * HOUR}])
async def test_a_session_is_over_after_its_time_and_when_nobody_used_it(
    sessions: Sessions, store: SessionStore, secret: str, over: dict[str, float]
) -> None:
    made, _ = await sessions.open(secret)
    token = TOKEN
    ago = {name: time.time() - by for name, by in over.items()}
    store.add(replace(made, digest=digest_of(token), expires=time.time() + HOUR))
    assert await sessions.find(cookie(sessions, token)) is not None
    store.end(digest_of(token))
    store.add(replace(made, digest=digest_of(token), **ago))
    assert await sessions.find(cookie(sessions, token)) is None
    assert store.get(digest_of(token)) is None


async def test_a_session_holds_no_longer_than_its_key(
    sessions: Sessions, keys: KeyStore, authenticator: Authenticator
) -> None:
    soon = float(int(time.time()) + 60)
    _, short = keys.create("guest", [Scope.AUDIT], soon)
    made, _ = await sessions.open(short)
    assert made.expires == soon


async def test_what_is_revoked_opens_no_session(
    sessions: Sessions, keys: KeyStore, database: str
) -> None:
    key, secret = keys.create("gone", [Scope.CONSOLE])
    keys.revoke(key.id)
    with pytest.raises(RequestError, match="revoked"):
        await sessions.open(secret)


@on_both
async def test_that_it_is_used_is_noted(
    sessions: Sessions, store: SessionStore, secret: str
) -> None:
    made, _ = await sessions.open(secret)
    token, long_ago = TOKEN, time.time() - HOUR
    store.add(replace(made, digest=digest_of(token), seen=long_ago))
    await sessions.find(cookie(sessions, token))
    kept = store.get(digest_of(token))
    assert kept is not None
    assert kept.seen > long_ago + HOUR / 2


@on_both
async def test_sessions_that_are_over_are_forgotten(
    sessions: Sessions, store: SessionStore, secret: str
) -> None:
    made, _ = await sessions.open(secret)
    store.add(replace(made, digest=digest_of("old"), expires=time.time() - HOUR))
    await sessions.open(secret)
    assert store.get(digest_of("old")) is None
    assert store.get(made.digest) is not None


async def test_a_database_that_is_away_is_said_and_opens_nothing(
    sessions: Sessions, secret: str, database: str
) -> None:
    _, token = await sessions.open(secret)
    with create_engine(database).begin() as connection:
        connection.execute(text("DROP TABLE console_sessions"))
    with pytest.raises(ServiceError, match="cannot be read"):
        await sessions.find(cookie(sessions, token))


def test_the_cookie_goes_no_further_than_the_guard(sessions: Sessions) -> None:
    passed = sessions.without_cookie([*cookie(sessions, "secret"), (b"accept", b"*/*")])
    assert passed == [(b"cookie", b"other=1; more=2"), (b"accept", b"*/*")]


def test_over_tls_the_cookie_is_a_secure_one(database: str, secret: str) -> None:
    settings = Settings(database=database, console=ConsoleSettings(https=True))
    sessions = open_sessions(settings, open_authenticator(settings))
    assert sessions is not None
    assert sessions.cookie.startswith("__Secure-")
    sessions.close()
    assert open_sessions(settings, None) is None


def test_a_scope_of_a_later_release_allows_nothing(
    store: SessionStore, database: str, authenticator: Authenticator
) -> None:
    store.add(
        Session("d", Caller("key:1", "n", frozenset({Scope.AUDIT})), time.time() + 9, time.time())
    )
    with create_engine(database).begin() as connection:
        update = """UPDATE console_sessions SET scopes = '["audit", "fly"]'"""
        connection.execute(text(update))
    found = store.get("d")
    assert found is not None
    assert found.caller.scopes == {Scope.AUDIT}
