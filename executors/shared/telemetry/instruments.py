"""What an instrument is: a name, a unit, and attributes whose values are bounded.

An instrument does nothing until the process has opened its metrics: see `telemetry.opening`.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar

from executors.shared.telemetry.bounds import OTHER, AtMost, OneOf, Values
from executors.shared.telemetry.cells import Buckets, Key, Spread, Total, Where, sampled

__all__ = [
    "OTHER",
    "AtMost",
    "Counter",
    "Gauge",
    "Histogram",
    "Instrument",
    "Observed",
    "OneOf",
    "versions",
]

Attributes = Mapping[str, str]
Observed = Iterable[tuple[float, Attributes]]

logger = logging.getLogger(__name__)


class Recording:
    """Whether this process keeps metrics: on from the first that opens them to the last that
    closes. What was counted stays."""

    on: ClassVar[bool] = False
    _open: ClassVar[int] = 0
    _lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def open(cls) -> None:
        with cls._lock:
            cls._open += 1
            cls.on = True

    @classmethod
    def close(cls) -> None:
        with cls._lock:
            cls._open -= 1
            cls.on = cls._open > 0


def versions(**of: str) -> Observed:
    """For `VERSION`, by kind."""
    return [(1.0, {"kind": kind, "version": version}) for kind, version in of.items() if version]


@dataclass(frozen=True, eq=False)
class Instrument:
    """One metric. `attributes` names every one that it takes, with its values."""

    name: str
    unit: str
    """UCUM: `s`, `By`, `1`, `{ad}`."""
    description: str
    attributes: Mapping[str, Values] = field(default_factory=dict)

    @property
    def most_series(self) -> int:
        """How many series it can have in one process: the product over its attributes."""
        return math.prod(values.most for values in self.attributes.values())

    def bounded(self, attributes: Attributes) -> Key:
        """The attributes with bounded values, in the instrument's order.

        Raises `KeyError` for one that the instrument does not take: a mistake of the code.
        """
        return _bounded(self.name, self.attributes, attributes)


@dataclass(frozen=True, eq=False)
class Counter(Instrument):
    """Only grows."""

    _cells: dict[Key, Total] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def add(
        self, amount: float = 1, attributes: Attributes | None = None, context: Where = None
    ) -> None:
        """Add an amount, 0 or more."""
        if not Recording.on:
            return
        cell = self._cells.get(tuple(attributes.items()) if attributes else ())
        if cell is None:
            key = self.bounded(attributes or {})
            with self._lock:
                cell = self._cells.setdefault(key, Total())
        cell.add(amount)

    def begin(self, **given: Iterable[str]) -> None:
        """Show the series of these values at 0, and of every value for attributes that are not
        given, whose names have no dots: Prometheus sees no increase in what begins at 1.

        Raises `KeyError` where an attribute's values are not known beforehand.
        """
        choices: list[Iterable[str]] = []
        for name, values in self.attributes.items():
            if name not in given and not isinstance(values, OneOf):
                raise KeyError(f"{self.name} needs the values of {name!r}")
            known = values.values if isinstance(values, OneOf) else ()
            choices.append(given.get(name, sorted(known)))
        for values_of_one in product(*choices):
            self.add(0, dict(zip(self.attributes, values_of_one, strict=True)))

    def read(self) -> list[tuple[Key, Total]]:
        """Every series."""
        with self._lock:
            return list(self._cells.items())


@dataclass(frozen=True, eq=False)
class Histogram(Instrument):
    """How values are spread over buckets."""

    buckets: tuple[float, ...] = ()
    """Upper bounds, in the unit."""
    _cells: dict[Key, Buckets] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def record(
        self, value: float, attributes: Attributes | None = None, context: Where = None
    ) -> None:
        """Record a value. The sampled span in `context`, which may be a W3C traceparent too,
        becomes the bucket's exemplar."""
        if not Recording.on:
            return
        cell = self._cells.get(tuple(attributes.items()) if attributes else ())
        if cell is None:
            key = self.bounded(attributes or {})
            with self._lock:
                cell = self._cells.setdefault(key, Buckets(self.buckets))
        cell.record(value, sampled(context))

    def read(self) -> list[tuple[Key, int, Spread]]:
        """Every series, with the time since when it counts, in ns."""
        with self._lock:
            cells = list(self._cells.items())
        return [(key, cell.since_ns, cell.read()) for key, cell in cells]


@dataclass(frozen=True, eq=False)
class Gauge(Instrument):
    """What is asked for whenever somebody looks."""

    _watched: list[Callable[[], Observed]] = field(default_factory=list, init=False, repr=False)
    _failing: set[Callable[[], Observed]] = field(default_factory=set, init=False, repr=False)

    def watch(self, callback: Callable[[], Observed]) -> Callable[[], None]:
        """Have `callback` say the values, each with its attributes, at each collection.

        It must be quick, and is called from another thread. Returns what ends it.
        """
        self._watched.append(callback)

        def forget() -> None:
            if callback in self._watched:
                self._watched.remove(callback)

        return forget

    def read(self) -> dict[Key, float]:
        """Every series; of two callbacks for the same one the later."""
        return {key: value for key, value in self._observed() if value == value}

    def _observed(self) -> Iterator[tuple[Key, float]]:
        # Bounded anew each time: a version that was in force long ago takes nobody's place.
        bounds = {name: values.anew() for name, values in self.attributes.items()}
        for callback in tuple(self._watched):
            try:
                for value, attributes in callback():
                    yield _bounded(self.name, bounds, attributes), float(value)
                self._failing.discard(callback)
            except Exception:
                # Whoever looks, every few seconds, sees what the other callbacks say.
                if callback not in self._failing:
                    self._failing.add(callback)
                    logger.exception("%s could not be read", self.name)


def _bounded(instrument: str, bounds: Mapping[str, Values], attributes: Attributes) -> Key:
    for name in attributes:
        if name not in bounds:
            raise KeyError(f"{instrument} takes no attribute {name!r}")
    return tuple(
        (name, values.bounded(attributes[name]))
        for name, values in bounds.items()
        if name in attributes
    )
