"""Verdicts in Redis: shared by the judge's replicas, and still there after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adjudicate.errors import ConfigurationError

TIMEOUT_S = 0.3
"""For one call in all, connecting included. A verdict costs more than this to make, but not by so
much that a slow cache would be worth waiting for."""
BACKOFF_S = 5.0
"""After a failure Redis is left alone for so long."""
CONNECTIONS = 16
PREFIX = "adjudicate:verdict:"

Value = TypeVar("Value")

logger = logging.getLogger(__name__)


class RedisStore:
    """Values in a Redis. One that is down, slow or refuses is an error that is counted, no more."""

    kind = "redis"

    def __init__(self, url: str, ttl_s: float) -> None:
        """Connects with the first call. `ttl_s` is how long a value is kept.

        Raises `ConfigurationError` when `url` is none of Redis.
        """
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT_S,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # The URL may hold a password: it is not repeated.
            raise ConfigurationError(
                "ADJUDICATE_JUDGE__CACHE_URL: set it to a Redis, such as redis://localhost:6379/0."
            ) from None
        self._redis = Redis.from_pool(pool)
        self._ttl_ms = max(1, round(ttl_s * 1_000))
        self._quiet_until = 0.0
        self.errors = 0

    @property
    def failing(self) -> bool:
        """As `Store`."""
        return time.monotonic() < self._quiet_until

    async def get(self, key: str) -> bytes | None:
        """As `Store`."""
        found = await self._unless_down(self._redis.get, PREFIX + key)
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes) -> None:
        """As `Store`."""
        await self._unless_down(self._redis.psetex, PREFIX + key, self._ttl_ms, value)

    async def close(self) -> None:
        """As `Store`."""
        await self._redis.aclose()

    async def _unless_down(
        self, call: Callable[..., Awaitable[Value]], *given: Any
    ) -> Value | None:
        """What a call of Redis returns; None where it fails, and for a while after that."""
        if self.failing:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await call(*given)
        except (RedisError, OSError, TimeoutError) as error:
            self.errors += 1
            if not self.failing:  # one line for all calls that fail together
                logger.warning("the verdict cache does not answer: %s", type(error).__name__)
            self._quiet_until = time.monotonic() + BACKOFF_S
            return None
