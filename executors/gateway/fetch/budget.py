"""Fetched pictures in memory, of all requests together, are bounded.

A message takes what it may need before its first byte is fetched and gives back what it turns out
not to need. So none waits while it holds something, and no two can wait for each other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adjudicate.errors import AdError, Code, ServiceError


class Budget:
    """So many bytes, first come, first served."""

    def __init__(self, limit: int, patience: float) -> None:
        """`patience`: seconds that one waits at most. One message gets half of `limit` at most,
        so that a large one does not stop all others."""
        self._most = max(1, limit // 2)
        self._limit = limit
        self._patience = patience
        self.held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def account(self, pictures: int, each: int) -> AsyncIterator[Account]:
        """Room for so many pictures of at most `each` bytes, until the block ends.

        Raises `ServiceError` `overloaded` if there is none in time.
        """
        need = min(pictures * each, self._most)
        try:
            async with asyncio.timeout(self._patience):
                await self._reserve(need)
        except TimeoutError:
            detail = "Too many pictures are being fetched; send the ad again later."
            raise ServiceError(Code.OVERLOADED, detail, retry_after=5) from None
        account = Account(self, need, pictures, each)
        try:
            yield account
        finally:
            account.close()

    def release(self, count: int) -> None:
        """Give bytes back."""
        self.held -= count
        while self._waiting and self.held + self._waiting[0][0] <= self._limit:
            need, place = self._waiting.popleft()
            if not place.done():
                self.held += need
                place.set_result(None)

    async def _reserve(self, need: int) -> None:
        if not self._waiting and self.held + need <= self._limit:
            self.held += need
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((need, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release(need)
            else:
                self._waiting.remove((need, place))
                self.release(0)
            raise


class Account:
    """What one message holds of the budget."""

    def __init__(self, budget: Budget, reserved: int, pictures: int, each: int) -> None:
        self._budget = budget
        self._reserved = reserved
        self._used = 0
        self._pictures = pictures
        self._each = each

    def take(self, count: int) -> None:
        """So many bytes more have come. Raises `AdError` `image_too_large`, before it counts them,
        when the message's pictures are too large together."""
        if self._used + count > self._reserved:
            detail = "The request's fetched pictures are too large together; send fewer ads in one."
            raise AdError(Code.IMAGE_TOO_LARGE, detail)
        self._used += count

    def give(self, count: int) -> None:
        """So many of the bytes that came were let go."""
        self._used -= count

    def settle(self, pictures: int) -> None:
        """So many pictures are here, or will not come: no more is needed for them."""
        self._pictures -= pictures
        needed = min(self._reserved, self._used + self._pictures * self._each)
        freed, self._reserved = self._reserved - needed, needed
        self._budget.release(freed)

    def close(self) -> None:
        """All of it back."""
        self._budget.release(self._reserved)
        self._reserved = self._used = 0
