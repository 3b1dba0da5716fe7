"""Work that several want at the same time, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class InFlight(Generic[Result]):
    """Who asks for a key first leads and works; who asks meanwhile waits for the same result.

    A leader's failure is its own: of those who wait the next one leads. Waiting ends with the
    task's own deadline, whatever the leader's is. Of one event loop.
    """

    def __init__(self) -> None:
        self._led: dict[Hashable, asyncio.Future[Result | None]] = {}
        self.joined = 0
        """Results that were taken from a leader."""

    async def once(self, key: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return what `work` returns, here or for the leader. Raises what it raises here."""
        while (led := self._led.get(key)) is not None:
            # Shielded: a follower that gives up must not cancel what the others wait for.
            result = await asyncio.shield(led)
            if result is not None:
                self.joined += 1
                return result
        return await self._lead(key, work)

    async def _lead(self, key: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        mine = asyncio.get_running_loop().create_future()
        self._led[key] = mine
        result: Result | None = None
        try:
            result = await work()
            return result
        finally:
            del self._led[key]
            mine.set_result(result)  # None: failed or cancelled
