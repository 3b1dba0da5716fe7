"""What memory and Redis both do: keep values for a time, and never fail their caller."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from executors.judge.cache.memory import MemoryStore
from executors.judge.cache.redis import RedisStore
from executors.judge.cache.store import Store

TTL_S = 0.5


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made: Store = MemoryStore(8, TTL_S)
    if request.param == "redis":
        made = RedisStore(request.getfixturevalue("redis_url"), TTL_S)
    yield made
    await made.close()


async def test_what_was_put_is_found_again_byte_by_byte(store: Store) -> None:
    values = {"a": b"", "b": b"\x00\xff", "c": "降血糖".encode(), "d": b"x" * 100_000}
    for key, value in values.items():
        await store.put(key, value)
    assert {key: await store.get(key) for key in values} == values


async def test_what_was_never_put_is_not_found(store: Store) -> None:
    assert await store.get("nothing") is None
    assert store.errors == 0


async def test_the_newer_value_of_a_key_counts(store: Store) -> None:
    await store.put("a", b"old")
    await store.put("a", b"new")
    assert await store.get("a") == b"new"


async def test_a_value_is_gone_when_its_time_is_over(store: Store) -> None:
    await store.put("a", b"x")
    assert await store.get("a") == b"x"
    await asyncio.sleep(TTL_S + 0.1)
    assert await store.get("a") is None


async def test_many_at_once_find_their_own(store: Store) -> None:
    async def both(number: int) -> bytes | None:
        await store.put(str(number % 8), str(number % 8).encode())
        return await store.get(str(number % 8))

    found = await asyncio.gather(*(both(number) for number in range(64)))
    assert found == [str(number % 8).encode() for number in range(64)]


async def test_memory_is_bounded_and_keeps_what_is_used() -> None:
    store = MemoryStore(2, 60)
    await store.put("a", b"a")
    await store.put("b", b"b")
    await store.get("a")
    await store.put("c", b"c")
    assert [await store.get(key) for key in "abc"] == [b"a", None, b"c"]
