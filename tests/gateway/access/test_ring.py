"""A gateway's snapshot of the keys: what it follows, and what it does when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy.exc import OperationalError

from adjudicate.errors import AdjudicateError, Code
from executors.gateway.access import ring as ring_module
from executors.gateway.access.keys import make_key
from executors.gateway.access.ring import ASK_AGAIN_S, STALE_S, KeyRing
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope

POLL_S = 0.01


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(any_database: str) -> Iterator[KeyStore]:
    """Another process's view of the table: the command line's."""
    store = KeyStore(any_database)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ring(any_database: str, store: KeyStore, clock: Clock) -> AsyncIterator[KeyRing]:
    ring = KeyRing(KeyStore(any_database), POLL_S, clock)
    yield ring
    await ring.stop()


async def refused(ring: KeyRing, text: str) -> Code | None:
    try:
        await ring.authenticate(text)
    except AdjudicateError as error:
        return error.code
    return None


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a poll brings about."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError("it never came about")


async def test_a_key_made_a_moment_ago_is_known(
    ring: KeyRing, store: KeyStore, clock: Clock
) -> None:
    key, text = store.create("ci", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    caller = await ring.authenticate(text)
    assert (caller.id, caller.name, caller.scopes) == (f"key:{key.id}", "ci", {Scope.REVIEW})


async def test_a_key_made_just_after_the_table_was_looked_at_is_known_too(
    ring: KeyRing, store: KeyStore
) -> None:
    key, text = store.create("ci", [Scope.REVIEW])
    assert (await ring.authenticate(text)).id == f"key:{key.id}"


async def test_unknown_keys_do_not_make_the_table_be_read_at_will(
    ring: KeyRing, store: KeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    version = KeyStore.version
    monkeypatch.setattr(KeyStore, "version", lambda self: asked.append(None) or version(self))
    strangers = [make_key("x", frozenset({Scope.ADMIN}), 0.0)[1] for _ in range(50)]
    clock.now += ASK_AGAIN_S
    codes = await asyncio.gather(*(refused(ring, text) for text in strangers))
    assert set(codes) == {Code.UNAUTHENTICATED}
    assert len(asked) == 1


async def test_a_key_that_is_revoked_elsewhere_is_refused_soon(
    ring: KeyRing, store: KeyStore, clock: Clock
) -> None:
    key, text = store.create("ci", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    caller = await ring.authenticate(text)
    ring.start()
    store.revoke(key.id)

    def check() -> bool:
        try:
            ring.check(caller)  # what the door asks on a connection that is open already
        except AdjudicateError as error:
            return error.code is Code.UNAUTHENTICATED and "revoked" in error.detail
        return False

    await until(check)
    assert await refused(ring, text) is Code.UNAUTHENTICATED


async def test_without_a_valid_key_nobody_comes_in(
    ring: KeyRing, store: KeyStore, clock: Clock
) -> None:
    assert ring.lets_nobody_in
    key, text = store.create("ci", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    await ring.authenticate(text)
    assert not ring.lets_nobody_in
    store.revoke(key.id)
    ring.start()
    await until(lambda: ring.lets_nobody_in)


async def test_an_expired_key_is_refused_and_so_is_who_came_in_with_it(
    ring: KeyRing, store: KeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    now = time.time()
    _, text = store.create("ci", [Scope.REVIEW], now + 60)
    clock.now += ASK_AGAIN_S
    caller = await ring.authenticate(text)
    monkeypatch.setattr("executors.gateway.access.keys.time.time", lambda: now + 61)
    assert await refused(ring, text) is Code.UNAUTHENTICATED
    with pytest.raises(AdjudicateError, match="expired"):
        ring.check(caller)


async def test_a_wrong_secret_for_a_known_id_is_refused_in_the_words_for_an_unknown_one(
    ring: KeyRing, store: KeyStore, clock: Clock
) -> None:
    _, text = store.create("ci", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    said = []
    for wrong in (text[:-4] + "AAAA", "adj_" + "0" * 12 + text[16:], "adj_nonsense"):
        with pytest.raises(AdjudicateError) as caught:
            await ring.authenticate(wrong)
        said.append(str(caught.value))
    assert said[0] == said[1] == said[2]


async def test_an_unknown_id_is_compared_like_a_known_one(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []
    original = ring_module.is_key
    monkeypatch.setattr(
        ring_module, "is_key", lambda key, text: compared.append(key) or original(key, text)
    )
    _, text = make_key("x", frozenset({Scope.ADMIN}), 0.0)
    assert await refused(ring, text) is Code.UNAUTHENTICATED
    assert compared == [None]


async def test_keys_that_could_not_be_looked_at_for_long_are_believed_no_more(
    ring: KeyRing, store: KeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = store.create("ci", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    await ring.authenticate(text)

    def away(self: KeyStore) -> int:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(KeyStore, "version", away)
    ring.start()
    clock.now += STALE_S
    await asyncio.sleep(5 * POLL_S)  # polls fail and go on
    assert await refused(ring, text) is None
    clock.now += 1
    assert await refused(ring, text) is Code.ROOM_UNAVAILABLE
    monkeypatch.undo()
    await until(lambda: ring._looked == clock.now)
    assert await refused(ring, text) is None


async def test_the_last_use_is_written_at_the_end(
    ring: KeyRing, store: KeyStore, clock: Clock
) -> None:
    key, text = store.create("ci", [Scope.REVIEW])
    unused, _ = store.create("idle", [Scope.REVIEW])
    clock.now += ASK_AGAIN_S
    await ring.authenticate(text)
    await ring.stop()
    used = {held.id: held.last_used for held in store.every()}
    assert used[key.id] is not None
    assert used[unused.id] is None
