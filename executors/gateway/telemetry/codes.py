"""How many requests were answered and refused of late, by code, for `adjudicate report`."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

from adjudicate.report.window import BIN_S, Window

KEPT_S = 86_400


class CodeCounts:
    """A day of counts, in steps of ten seconds; a window takes those that it touches."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._steps: deque[tuple[float, Counter[str]]] = deque(maxlen=int(KEPT_S / BIN_S))

    def add(self, code: str) -> None:
        """One request, with its code; `ok` for one that was answered."""
        step = self._clock() // BIN_S * BIN_S
        if not self._steps or step > self._steps[-1][0]:
            self._steps.append((step, Counter()))
        self._steps[-1][1][code] += 1

    def between(self, window: Window) -> dict[str, int]:
        """The requests of the window, by code."""
        since, until = window.since.timestamp() // BIN_S * BIN_S, window.until.timestamp()
        found: Counter[str] = Counter()
        for step, counts in self._steps:
            if since <= step < until:
                found.update(counts)
        return dict(found)


CODES = CodeCounts()
"""Of this process."""
