"""A Redis that is down, slow or refuses costs little time, is counted, and is found again."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from adjudicate.errors import ConfigurationError
from executors.judge.cache import redis as module
from executors.judge.cache.redis import TIMEOUT_S, RedisStore
from tests.services.redis import RedisServer


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """The session's Redis, whole again afterwards."""
    redis_server.empty()
    yield redis_server
    redis_server.kill()
    redis_server.start()


async def test_a_dead_redis_is_an_error_that_is_counted_once_per_back_off(
    server: RedisServer,
) -> None:
    store = RedisStore(server.url, 60)
    await store.put("a", b"x")
    server.kill()
    assert await store.get("a") is None
    assert store.errors == 1
    await store.put("a", b"y")
    assert await store.get("a") is None
    assert store.errors == 1
    await store.close()


async def test_a_frozen_redis_is_waited_for_once_and_not_long(server: RedisServer) -> None:
    store = RedisStore(server.url, 60)
    await store.put("a", b"x")
    server.freeze()
    started = time.monotonic()
    assert await asyncio.gather(*(store.get("a") for _ in range(50))) == [None] * 50
    assert time.monotonic() - started < TIMEOUT_S + 1
    started = time.monotonic()
    for _ in range(20):
        await store.put("a", b"y")
    assert time.monotonic() - started < TIMEOUT_S
    assert store.errors > 0
    await store.close()


async def test_a_redis_that_came_back_is_used_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.2)
    store = RedisStore(server.url, 60)
    await store.put("a", b"x")
    server.freeze()
    assert await store.get("a") is None
    server.thaw()
    await asyncio.sleep(0.3)
    assert await store.get("a") == b"x"
    server.kill()
    assert await store.get("a") is None
    server.start()
    await asyncio.sleep(0.3)
    await store.put("a", b"z")
    assert await store.get("a") == b"z"
    await store.close()


async def test_a_redis_that_refuses_is_an_error_too(server: RedisServer) -> None:
    store = RedisStore(server.url.replace("redis://", "redis://nobody:wrong@"), 60)
    assert await store.get("a") is None
    assert store.errors == 1
    await store.close()


@pytest.mark.parametrize("url", ["localhost:6379", "http://x", "redis://:secret@h:port/0"])
def test_a_url_that_is_none_of_redis_is_one_sentence_without_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ADJUDICATE_JUDGE__CACHE_URL") as error:
        RedisStore(url, 60)
    assert "secret" not in str(error.value)
