"""Whether an event loop turns, asked from other threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

PATIENCE_S = 0.5
"""How long one question waits for the loop's turn."""


class Pulse:
    """Costs nothing while nobody asks: the loop is given one callback per question."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._owed_since: float | None = None
        self._turned = threading.Event()

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """This is the loop from now on."""
        self._loop = loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop; None before it is known."""
        return self._loop

    def behind(self) -> float:
        """Seconds that the loop has owed a turn; 0.0 for one that turns, or is not known yet."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return 0.0
        with self._lock:
            if self._owed_since is None:
                self._owed_since = self._clock()
                self._turned.clear()
                loop.call_soon_threadsafe(self._turn)
        if self._turned.wait(PATIENCE_S):
            return 0.0
        since = self._owed_since
        return 0.0 if since is None else self._clock() - since

    def _turn(self) -> None:
        self._owed_since = None
        self._turned.set()
