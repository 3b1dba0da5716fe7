"""Numbers with their times, as many as there is room for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adjudicate.report.window import Window


class Ring:
    """The newest rows of numbers, each with its time. Not more than `most`: an older one goes."""

    def __init__(self, columns: int, most: int) -> None:
        # What is never written takes no memory: the kernel gives the pages as they are touched.
        self._rows = np.empty((most, columns + 1))
        self._next = 0
        self._count = 0
        self._last = 0.0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """Whether each further row takes another's place."""
        return self._count == len(self._rows)

    @property
    def oldest(self) -> float:
        """Unix time of the first row that is kept; 0 without any."""
        return float(self._rows[self._next if self.full else 0, 0]) if self._count else 0.0

    def add(self, at: float, values: tuple[float, ...]) -> None:
        """A row, at a Unix time in seconds; where the clock was set back, at the last one's."""
        self._last = at = max(at, self._last)
        self._rows[self._next] = (at, *values)
        self._next = (self._next + 1) % len(self._rows)
        self._count = min(self._count + 1, len(self._rows))

    def rows(self) -> NDArray[np.float64]:
        """[N, 1 + columns] float64, the oldest first; the first column is the time."""
        if not self.full:
            return self._rows[: self._count].copy()
        return np.concatenate((self._rows[self._next :], self._rows[: self._next]))

    def between(self, window: Window) -> NDArray[np.float64]:
        """The rows of the window."""
        rows = self.rows()
        first, last = np.searchsorted(
            rows[:, 0], (window.since.timestamp(), window.until.timestamp())
        )
        return rows[first:last]
