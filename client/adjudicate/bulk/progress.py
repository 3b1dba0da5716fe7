"""How far a bulk review is, how fast, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

WINDOW_S = 60.0
"""Seconds that the rate is of: the whole run's would say little after a pause."""


class Meter:
    """Counts. The rate is of the last minute, and of this process's ads alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total: int | None = None
        self.note = ""
        """What the run waits for, if anything."""
        self._clock = clock
        self._before = 0
        self._done = 0
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])

    @property
    def done(self) -> int:
        """Rows with a decision, those of earlier runs too."""
        return self._before + self._done

    def found(self, count: int) -> None:
        """So many stood in the out file."""
        self._before = count

    def add(self) -> None:
        """One more decision."""
        self._done += 1

    def rate(self) -> float:
        """Ads per second."""
        now = self._clock()
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self._done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()
        began, then = self._samples[0]
        return (self._done - then) / (now - began) if now > began else 0.0

    def eta(self) -> float | None:
        """Seconds until the end; None while that cannot be said."""
        rate = self.rate()
        if self.total is None or rate <= 0:
            return None
        return max(0, self.total - self.done) / rate

    def line(self, outcomes: Counter[str]) -> str:
        """`1,200 of 10,000 (12%), 81.5 ads/s, 1 min 48 s left: 900 approve, 300 reject`."""
        parts = [f"{self.done:,}"]
        if self.total is not None:
            share = f" ({self.done / self.total:.0%})" if self.total else ""
            parts = [f"{self.done:,} of {self.total:,}{share}"]
        parts.append(f"{self.rate():,.1f} ads/s")
        if (eta := self.eta()) is not None:
            parts.append(f"{duration(eta)} left")
        said = ", ".join(f"{n:,} {name}" for name, n in sorted(outcomes.items()))
        note = f"; {self.note}" if self.note else ""
        return f"{', '.join(parts)}{f': {said}' if said else ''}{note}"


class View(Protocol):
    """Shows a meter."""

    every: float
    """Seconds between two showings."""

    def show(self, meter: Meter, outcomes: Counter[str]) -> None: ...

    def close(self) -> None: ...


class Lines:
    """A plain line from time to time, for logs."""

    def __init__(self, every: float, stream: TextIO | None = None) -> None:
        self.every = every
        self._stream = stream or sys.stderr
        self._last = ""

    def show(self, meter: Meter, outcomes: Counter[str]) -> None:
        line = meter.line(outcomes)
        if line != self._last:
            print(f"adjudicate: {line}", file=self._stream, flush=True)
        self._last = line

    def close(self) -> None:
        """Nothing to do."""


class Bar:
    """A bar on a terminal."""

    every = 0.25

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar: Progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("reviewing", total=None)

    def show(self, meter: Meter, outcomes: Counter[str]) -> None:
        self._bar.start()
        self._bar.update(
            self._task,
            completed=meter.done,
            total=meter.total,
            description=meter.line(outcomes),
        )

    def close(self) -> None:
        self._bar.stop()


def view(every: float) -> View:
    """A bar where stderr is a terminal, else a line every so many seconds."""
    return Bar() if sys.stderr.isatty() else Lines(every)


def duration(seconds: float) -> str:
    """`4 s`, `3 min 20 s`, `1 h 5 min`, `2 d 3 h`."""
    whole = round(seconds)
    for size, name, smaller, small in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
