"""What a caller has used of its rates within the last minute, in this process or in a Redis.

Counted in a sliding window of two counters, whose memory does not grow with the rate: the minute
before counts by the share of it that the last 60 s still cover. An exact log of every ad would
take one entry for each. It can be off by what the minute before was uneven.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WINDOW_S = 60.0
RETRY_S = 5.0
"""How long a Redis that failed is left alone."""
MAX_CONNECTIONS = 64
_A_BIT = 0.001


class Counter(Protocol):
    """Counts by name and caller."""

    async def take(self, name: str, caller: str, limit: int, cost: int) -> float:
        """0.0 when `cost` was within `limit` per minute and is counted now.

        Else nothing is counted, and it returns the seconds after which it would be.
        """

    async def close(self) -> None:
        """Let go of connections."""


class WindowCounter:
    """Over a storage of the `limits` package. Raises what the storage raises."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._storage = storage
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def take(self, name: str, caller: str, limit: int, cost: int) -> float:
        """As `Counter`. `cost` is at most `limit`: more would never fit."""
        item = RateLimitItemPerMinute(limit, namespace=f"adjudicate/{name}")
        if await self._limiter.hit(item, caller, cost=cost):
            return 0.0
        used = await self._storage.get_sliding_window(item.key_for(caller), item.get_expiry())
        return seconds_until(*used, room=limit - cost)

    async def close(self) -> None:
        """As `Counter`."""
        if isinstance(self._storage, RedisStorage):
            client: Redis = self._storage.bridge.storage  # type: ignore[attr-defined]
            await client.aclose()
            await client.connection_pool.disconnect()


class SharedCounter:
    """In a Redis, for all gateways. While that is away, in this process: no request waits for it
    longer than its time-out, and the limits still hold for each gateway by itself.
    """

    def __init__(
        self, shared: Counter, own: Counter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._own = own
        self._clock = clock
        self._away_until: float | None = None
        self._asking = False
        """Whether one request is finding out if the Redis is back."""

    async def take(self, name: str, caller: str, limit: int, cost: int) -> float:
        """As `Counter`."""
        if self._away_until is None:
            return await self._ask(name, caller, limit, cost)
        if self._asking or self._clock() < self._away_until:
            return await self._own.take(name, caller, limit, cost)
        self._asking = True
        try:
            return await self._ask(name, caller, limit, cost)
        finally:
            self._asking = False

    async def _ask(self, name: str, caller: str, limit: int, cost: int) -> float:
        try:
            wait = await self._shared.take(name, caller, limit, cost)
        except (RedisError, OSError, TimeoutError) as error:
            if self._away_until is None:
                logger.warning(
                    "the Redis of the rates is away (%s); counting in this process", _kind(error)
                )
            self._away_until = self._clock() + RETRY_S
            return await self._own.take(name, caller, limit, cost)
        if self._away_until is not None:
            logger.warning("the Redis of the rates is back")
            self._away_until = None
        return wait

    async def close(self) -> None:
        """As `Counter`."""
        await self._shared.close()


def counter(url: str, timeout_s: float) -> Counter:
    """The counter for a setting: a Redis by its URL, else this process.

    Raises `ValueError` for what is no URL of a Redis.
    """
    own = WindowCounter(MemoryStorage())
    if not url:
        return own
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be such as redis://localhost:6379/0")
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),  # redis-py's own would hold a request for seconds
    )
    storage = RedisStorage(
        f"async+{url}" if not url.startswith("unix://") else f"async+redis+{url}",
        implementation="redispy",
        connection_pool=pool,  # type: ignore[arg-type]
    )
    return SharedCounter(WindowCounter(storage), own)


def seconds_until(
    before: int, before_ends: float, now: int, now_ends: float, *, room: int
) -> float:
    """When a sliding window has come down to `room`.

    `before` were counted in the window before, which counts for `before_ends` more seconds, `now`
    in this one, whose own end is one window before `now_ends`.
    """
    below = room + 1  # shares of the window before are rounded down
    if now <= room:
        return max(0.0, before_ends - (below - now) * WINDOW_S / before) + _A_BIT if before else 0.0
    return max(0.0, now_ends - WINDOW_S) + WINDOW_S * (1 - below / now) + _A_BIT


def _kind(error: BaseException) -> str:
    return type(error).__name__
