"""How long the ads took that this gateway answered, for `adjudicate report`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudicate.report.parts import Answered
from adjudicate.report.statistics import binned, statistics_by_name
from adjudicate.report.window import Window
from executors.gateway.telemetry.codes import CODES
from executors.shared.telemetry.ring import Ring

TOTAL = "total"
"""From the request's arrival at the gateway until the ad's decision is back there."""

OWN = ("gateway", *(f"gateway.{room}" for room in ("encoder", "library", "judge", "ledger")))
"""Of an ad's timings those that its decision has from here."""

STAGES = (TOTAL, *OWN, "ledger")
"""What no recorded decision holds: it is written before these are known."""

MOST = 100_000
"""Ads that are remembered."""


class AdTimes:
    """The times of the latest ads, in memory."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._ring = Ring(len(STAGES), most)
        self._clock = clock
        self._began = clock()

    def add(self, total: float, timings: Mapping[str, Any]) -> None:
        """One ad: its milliseconds in all, and its decision's packed timings."""
        own = (timings[name].float if name in timings else math.nan for name in STAGES[1:])
        self._ring.add(self._clock(), (total, *own))

    def answering(self, window: Window) -> Callable[[], Answered]:
        """Takes the ads of the window from where they are noted. What is returned makes statistics
        of them, in up to 0.1 s: call it from a thread."""
        began = self._ring.oldest if self._ring.full else self._began
        first = began if began > window.since.timestamp() else None
        requests = CODES.between(window)
        return partial(_answered, self._ring.between(window), window, first, requests)


def _answered(
    rows: NDArray[np.float64], window: Window, first: float | None, requests: dict[str, int]
) -> Answered:
    columns = dict(zip(STAGES, rows[:, 1:].T, strict=True))
    return Answered(
        ads=len(rows),
        first=first,
        stages=statistics_by_name(columns),
        series={
            how: binned(rows[:, 0], columns[TOTAL], window.edges, how) for how in ("p50", "p95")
        },
        requests=requests,
    )
