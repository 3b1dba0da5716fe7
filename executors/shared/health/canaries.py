"""A process's own canaries: its real work on a fixed ad, one at a time, each within a bound."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable

from adjudicate.documents import Canary
from executors.shared.settings import HealthSettings

logger = logging.getLogger(__name__)


class CanaryFailed(Exception):
    """The room did not do its work. The message says what went wrong, and shows no secret.

    `outside`: the fault is not in this process, so that a restart would not help.
    """

    def __init__(self, detail: str, *, outside: bool = False) -> None:
        self.outside = outside
        super().__init__(detail)


class Canaries:
    """Those of one replica. Belongs to one event loop.

    A canary that is not through in time has failed, unless the room has done other work since the
    canary before, or within the last `patience_s`: then it only waits behind that, and the room is
    `busy`.
    """

    def __init__(
        self,
        room: str,
        replica: int,
        settings: HealthSettings,
        work: Callable[[], Awaitable[None]],
        done: Callable[[], int],
        patience_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`work` does the room's work once, and raises `CanaryFailed` when it comes out wrong;
        `done` counts the work that the room has done, and differs when there was some;
        `patience_s` is how long a piece of it may take."""
        self._room = room
        self._replica = replica
        self._timeout_s = settings.canary_timeout_s
        self._work = work
        self._done = done
        self._patience_s = patience_s
        self._clock = clock
        self._seen = 0
        self._moved_at = float("-inf")
        self._running: asyncio.Task[Canary] | None = None
        self._closed = False
        self.failures = 0
        """In a row, by this process's own fault."""
        self.last: Canary | None = None

    async def run(self) -> Canary:
        """Send one, or wait for the one that is under way. Never raises."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._one())
        return await asyncio.shield(self._running)

    def close(self) -> None:
        """The room ends: what a canary meets from now on says nothing about its work."""
        self._closed = True

    async def _one(self) -> Canary:
        started = time.perf_counter()
        canary = Canary(room=self._room, replica=self._replica, pid=os.getpid())
        try:
            await self._within_time(canary)
        except CanaryFailed as failure:
            canary.result, canary.detail = "failed", str(failure)
            canary.outside = failure.outside
        except Exception as error:  # whatever it is, the room did not do its work
            if not self._closed:
                logger.exception("the canary failed")
            canary.result, canary.detail = "failed", type(error).__name__
        if self._closed:
            canary.result, canary.detail, canary.outside = "failed", "the room is closing", True
            return canary
        canary.milliseconds = round((time.perf_counter() - started) * 1_000, 3)
        own = canary.result in ("failed", "timeout") and not canary.outside
        self.failures = self.failures + 1 if own else 0
        if canary.result == "ok":
            self._moved_at = self._clock()
        self._seen = self._done()
        self.last = canary
        return canary

    async def _within_time(self, canary: Canary) -> None:
        try:
            async with asyncio.timeout(self._timeout_s) as bound:
                await self._work()
        except TimeoutError:
            if not bound.expired():
                raise
            now = self._clock()
            if self._done() != self._seen:
                self._moved_at = now
            if now - self._moved_at <= self._patience_s:
                canary.result = "busy"
            else:
                canary.result = "timeout"
                canary.detail = f"nothing was done for {self._timeout_s:g} s"
