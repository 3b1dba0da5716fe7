"""Verdicts in this process's memory: gone with it, and not seen by other replicas."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachetools import TTLCache


class MemoryStore:
    """At most `entries` values, the least recently used one leaving first. Of one event loop."""

    kind = "memory"
    errors = 0
    failing = False

    def __init__(
        self, entries: int, ttl_s: float, timer: Callable[[], float] = time.monotonic
    ) -> None:
        """`entries` is at least 1; `ttl_s` is how long a value is kept."""
        self._values: TTLCache[str, bytes] = TTLCache(entries, ttl_s, timer)

    async def get(self, key: str) -> bytes | None:
        """As `Store`."""
        return self._values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """As `Store`."""
        self._values[key] = value

    async def close(self) -> None:
        """As `Store`."""
        self._values.clear()
