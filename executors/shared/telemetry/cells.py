"""Where a series keeps its numbers.

The OpenTelemetry SDK's own aggregation takes 6 to 10 µs of CPU for each value (measured, 1.45.1):
for the dozen stages of an ad more than all telemetry may cost. These take a tenth. What leaves the
process is the SDK's data model: see `otlp`.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from executors.shared.telemetry import traceparent

Key = tuple[tuple[str, str], ...]
"""Attributes with their values, in the instrument's order."""

Where = Context | SpanContext | str | None
"""A context, a span of one, or a W3C traceparent; None: the current context."""


@dataclass(frozen=True)
class Exemplar:
    """One value that was recorded, and the sampled trace that it belongs to."""

    value: float
    time_ns: int
    trace_id: str
    span_id: str
    """Hexadecimal."""


@dataclass(frozen=True)
class Spread:
    """A histogram at one moment."""

    counts: tuple[int, ...]
    """By bucket, not summed up; the last is of what is above every bound."""
    sum: float
    least: float
    largest: float
    exemplars: tuple[Exemplar | None, ...] = field(repr=False)
    """By bucket, the latest each."""


class Total:
    """The cell of a counter."""

    __slots__ = ("_lock", "since_ns", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.since_ns = time.time_ns()
        self._lock = threading.Lock()

    def add(self, amount: float) -> None:
        with self._lock:
            self.value += amount


class Buckets:
    """The cell of a histogram."""

    __slots__ = (
        "_bounds",
        "_counts",
        "_exemplars",
        "_largest",
        "_least",
        "_lock",
        "_sum",
        "since_ns",
    )

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._exemplars: list[tuple[float, int, SpanContext] | None] = [None] * (len(bounds) + 1)
        self._sum = 0.0
        self._least = float("inf")
        self._largest = float("-inf")
        self._lock = threading.Lock()
        self.since_ns = time.time_ns()

    def record(self, value: float, span: SpanContext | None) -> None:
        """Count a value, with the sampled span that it belongs to. One that is no number counts
        for nothing."""
        if value != value:
            return
        place = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[place] += 1
            self._sum += value
            if value < self._least:
                self._least = value
            if value > self._largest:
                self._largest = value
            if span is not None:
                self._exemplars[place] = (value, time.time_ns(), span)

    def read(self) -> Spread:
        """All numbers of the same moment."""
        with self._lock:
            counts, kept = tuple(self._counts), tuple(self._exemplars)
            total, least, largest = self._sum, self._least, self._largest
        return Spread(
            counts, total, least, largest, tuple(each and _exemplar(*each) for each in kept)
        )


class Exemplars:
    """Which spans may become exemplars: those that are recorded, so that there is a trace to see.

    Until the process has opened its traces, those whose flag says so.
    """

    keeps: ClassVar[Callable[[SpanContext], bool]] = staticmethod(
        lambda span: bool(span.trace_flags & 1)
    )


def sampled(where: Where) -> SpanContext | None:
    """The span there, if its trace is kept."""
    if isinstance(where, str):
        span = traceparent.span_named(where)
    elif isinstance(where, SpanContext):
        span = where
    else:
        span = trace.get_current_span(where).get_span_context()
    return span if span is not None and span.is_valid and Exemplars.keeps(span) else None


def _exemplar(value: float, time_ns: int, span: SpanContext) -> Exemplar:
    return Exemplar(value, time_ns, f"{span.trace_id:032x}", f"{span.span_id:016x}")
