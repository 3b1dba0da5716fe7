"""The bytes of all requests that are being read or answered, so that memory stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from executors.gateway.limits.refusals import overloaded


class ByteBudget:
    """Counts what has arrived, not what was announced: an announcement costs its sender nothing."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.used = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def check(self, size: int) -> None:
        """Raises `ServiceError` `overloaded` when so many bytes would not fit now."""
        if self.used + size > self._total:
            raise overloaded("The service holds as many bytes of requests as it may.")

    @contextmanager
    def hold(self, size: int = 0) -> Iterator[Held]:
        """Count `size` bytes, and what is added, until the block ends. Raises as `check`."""
        held = Held(self)
        held.add(size)
        try:
            yield held
        finally:
            held.release()

    @contextmanager
    def count(self, size: int) -> Iterator[None]:
        """Count bytes that are there already, room or not, until the block ends."""
        self.change(size)
        try:
            yield
        finally:
            self.change(-size)

    async def empty(self) -> None:
        """Wait until nothing is held."""
        await self._empty.wait()

    def change(self, size: int) -> None:
        """Count so many more, or fewer."""
        self.used += size
        if self.used:
            self._empty.clear()
        else:
            self._empty.set()


class Held:
    """The bytes of one request."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, size: int) -> None:
        """Count more bytes. Raises `ServiceError` `overloaded`, and then does not count them."""
        self._budget.check(size)
        self._budget.change(size)
        self.size += size

    def release(self) -> None:
        """Count none of them any more."""
        self._budget.change(-self.size)
        self.size = 0
