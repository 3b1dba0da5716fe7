"""A day of this process's readings, in memory, for `adjudicate report`."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adjudicate.report.parts import MEASURES, OF_CARD, Card, Measured
from adjudicate.report.statistics import binned, statistics_by_name
from adjudicate.report.window import Window
from executors.shared.telemetry.ring import Ring
from executors.shared.telemetry.system import Gpu, Reading

KEPT_S = 86_400.0
MOST = 17_280
"""Readings that are kept: a day of them, one every five seconds."""
MOST_CARDS = 16

logger = logging.getLogger(__name__)


class Samples:
    """Takes a reading every `interval_s` seconds, in a thread of its own, and keeps a day of them.

    Bounded: at most `MOST` rows of six numbers, and as many of four for each of
    16 cards.
    """

    def __init__(
        self,
        read: Callable[[], Reading],
        interval_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`interval_s` 0: nothing is read."""
        self._read = read
        self._interval_s = interval_s
        self._clock = clock
        self._most = min(MOST, int(KEPT_S / interval_s)) if interval_s else 1
        self._own = Ring(len(MEASURES), self._most)
        self._cards: dict[str, tuple[Gpu, Ring]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        if self._interval_s:
            self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop to read."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def take(self) -> None:
        """One reading, now."""
        reading, at = self._read(), self._clock()
        with self._lock:
            self._own.add(at, tuple(float(getattr(reading, name)) for name in MEASURES))
            for card in reading.gpus[:MOST_CARDS]:
                _, ring = self._cards.get(card.id) or (card, Ring(len(OF_CARD), self._most))
                ring.add(at, tuple(_number(getattr(card, name)) for name in OF_CARD))
                self._cards[card.id] = (card, ring)

    def measured(self, window: Window) -> Measured:
        """The statistics of the window. Takes milliseconds: call it from a thread."""
        with self._lock:
            own = self._own.between(window)
            cards = [(card, ring.between(window)) for card, ring in self._cards.values()]
        if not len(own):
            return Measured()
        values = dict(zip(MEASURES, own[:, 1:].T, strict=True))
        return Measured(
            readings=len(own),
            first=float(own[0, 0]),
            measures=statistics_by_name(values),
            series={
                name: binned(own[:, 0], column, window.edges, "mean")
                for name, column in values.items()
            },
            cards=[_card(card, rows, window) for card, rows in cards if len(rows)],
        )

    def _run(self) -> None:
        failing = False
        while not self._stop.wait(self._interval_s):
            try:
                self.take()
                failing = False
            except Exception:
                # A reading that is missing is a gap in a report. It must not end all that follow,
                # nor fill the log.
                if not failing:
                    logger.exception("this process and its machine cannot be read")
                failing = True


def _card(card: Gpu, rows: NDArray[np.float64], window: Window) -> Card:
    columns = dict(zip(OF_CARD, rows[:, 1:].T, strict=True))
    return Card(
        id=card.id,
        name=card.name,
        memory_total=card.memory_total,
        measures=statistics_by_name(columns),
        series={name: binned(rows[:, 0], columns[name], window.edges, "mean") for name in columns},
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
