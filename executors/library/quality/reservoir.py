"""So many things of each minute, drawn alike from all of that minute: memory and cost stay bounded
however much comes, and a burst does not drown the rest of the day."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

MINUTES_KEPT = 6
"""Of things that nobody takes: older ones are dropped. They are taken every five, or sooner."""


class Reservoir(Generic[Thing]):
    """Vitter's algorithm R ("Random Sampling with a Reservoir", 1985), anew for each minute.

    Safe between threads.
    """

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - a sample of ads
        self._lock = threading.Lock()
        self._minute = -1
        self._left = 0
        self._seen = 0
        self._drawn: list[Thing] = []
        self._earlier: list[Thing] = []

    def offer(self, make: Callable[[], Thing]) -> None:
        """One more has come; `make` is called if it is drawn."""
        if not self._per_minute:
            return
        with self._lock:
            self._turn()
            self._seen += 1
            if len(self._drawn) < self._left:
                self._drawn.append(make())
                return
            place = self._rng.randrange(self._seen)
            if place < len(self._drawn):
                self._drawn[place] = make()

    def take(self) -> list[Thing]:
        """What was drawn since the last time. What is left of the minute draws so much less."""
        with self._lock:
            taken = self._earlier + self._drawn
            self._left -= len(self._drawn)
            self._earlier, self._drawn, self._seen = [], [], 0
            return taken

    def _turn(self) -> None:
        minute = int(self._clock() // 60)
        if minute == self._minute:
            return
        most = (MINUTES_KEPT - 1) * self._per_minute
        self._earlier = [*self._earlier, *self._drawn][-most:]
        self._minute, self._left, self._seen, self._drawn = minute, self._per_minute, 0, []
