"""API keys: their text, their digest, and what a database holds of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from adjudicate.errors import RequestError
from executors.gateway.access.keys import digest_of, is_key, key_id_of, make_key
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope

REVIEW = frozenset({Scope.REVIEW})


def test_a_key_says_what_it_is_and_has_256_random_bits() -> None:
    key, secret = make_key("ci", REVIEW, 0.0)
    other, another = make_key("ci", REVIEW, 0.0)
    assert secret.startswith(f"adj_{key.id}_")
    assert key_id_of(secret) == key.id
    assert len(secret.rsplit("_", 1)[-1]) <= 43 == len(secret) - len(f"adj_{key.id}_")
    assert (key.id, secret) != (other.id, another)


def test_what_is_kept_is_a_digest_that_only_the_whole_key_gives() -> None:
    key, secret = make_key("ci", REVIEW, 0.0)
    assert secret not in repr(key)
    assert is_key(key, secret)
    assert not is_key(key, secret[:-1] + ("A" if secret[-1] != "A" else "B"))
    assert not is_key(key, secret[:-1])
    assert not is_key(None, secret)


@pytest.mark.parametrize(
    "text",
    [
        *("", "adj_", "adj__", "adj_000000000000_", "sk-000000000000_" + "a" * 43),
        "adj_00000000000g_" + "a" * 43,
        "adj_000000000000_" + "a" * 42,
        "adj_000000000000_" + "a" * 44,
        "adj_000000000000_" + "a" * 42 + "=",
        "adj_000000000000_" + "a" * 43 + "\n",
        "ADJ_000000000000_" + "a" * 43,
        "adj_٠٠٠٠٠٠٠٠٠٠٠٠_" + "a" * 43,
    ],
)
def test_what_has_not_the_form_of_a_key_has_no_id(text: str) -> None:
    assert key_id_of(text) is None


def test_a_database_holds_no_secret(tmp_path: Path) -> None:
    store = KeyStore(f"sqlite:///{tmp_path}/a.db")
    key, secret = store.create("ci", [Scope.REVIEW])
    store.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in files
    assert secret.removeprefix(f"adj_{key.id}_").encode() not in files
    assert digest_of(secret).encode() in files


def test_keys_are_listed_as_they_were_made(any_database: str) -> None:
    store = KeyStore(any_database)
    until = float(int(time.time()) + 3600)
    one, _ = store.create(" ci ", [Scope.LIBRARY, Scope.REVIEW])
    two, _ = store.create("审核", [Scope.ADMIN], until)
    more = [store.create(f"n{n}", [Scope.REVIEW])[0] for n in range(5)]
    assert KeyStore(any_database).every() == [one, two, *more]
    assert (one.name, one.scopes, one.expires) == ("ci", {Scope.LIBRARY, Scope.REVIEW}, None)
    assert (two.expires, two.state(until - 1), two.state(until)) == (until, "active", "expired")


def test_a_revoked_key_stays_listed_and_moves_the_version_once(any_database: str) -> None:
    store = KeyStore(any_database)
    key, _ = store.create("ci", [Scope.REVIEW])
    before = store.version()
    first, again = store.revoke(key.id), store.revoke(key.id)
    assert first.state() == again.state() == "revoked"
    assert first.revoked == again.revoked
    assert store.version() == before + 1
    assert [held.state() for held in store.every()] == ["revoked"]


def test_a_key_that_is_not_there_cannot_be_revoked(sqlite_url: str) -> None:
    with pytest.raises(RequestError, match="not_found"):
        KeyStore(sqlite_url).revoke("000000000000")


def test_the_last_use_is_noted_to_the_minute_and_never_earlier(any_database: str) -> None:
    store = KeyStore(any_database)
    key, _ = store.create("ci", [Scope.REVIEW])
    version = store.version()
    for at in (1_800_000_059.0, 1_700_000_000.0):
        store.used({key.id: at})
    assert store.every()[0].last_used == 1_800_000_000.0
    assert store.version() == version


@pytest.mark.parametrize(
    ("name", "scopes", "expires"),
    [
        ("", [Scope.REVIEW], None),
        ("  ", [Scope.REVIEW], None),
        ("two\nlines", [Scope.REVIEW], None),
        ("n" * 201, [Scope.REVIEW], None),
        ("ci", [], None),
        ("ci", [Scope.REVIEW], 1.0),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    sqlite_url: str, name: str, scopes: list[Scope], expires: float | None
) -> None:
    store = KeyStore(sqlite_url)
    with pytest.raises(ValueError, match="key"):
        store.create(name, scopes, expires)
    assert store.every() == []


def test_a_scope_of_another_release_allows_nothing(sqlite_url: str) -> None:
    store = KeyStore(sqlite_url)
    store.create("ci", [Scope.REVIEW])
    with create_engine(sqlite_url).begin() as connection:
        connection.execute(text("UPDATE api_keys SET scopes = 'review everything'"))
    assert store.every()[0].scopes == REVIEW
