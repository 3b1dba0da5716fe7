"""Metrics that are on for a test, and instruments of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from executors.shared.telemetry.bounds import AtMost, OneOf
from executors.shared.telemetry.cells import Exemplars, Key
from executors.shared.telemetry.instruments import Counter, Histogram, Instrument, Recording


@contextmanager
def recording() -> Iterator[None]:
    """While inside, this process counts, and every sampled span may be an exemplar."""
    keeps, Exemplars.keeps = Exemplars.keeps, staticmethod(lambda span: bool(span.trace_flags & 1))
    Recording.open()
    try:
        yield
    finally:
        Recording.close()
        Exemplars.keeps = keeps


def copy_of(instrument: Instrument) -> Instrument:
    """The instrument as a new process has it: nothing counted, no value seen."""
    fresh = {
        name: values if isinstance(values, OneOf) else AtMost(values.most)
        for name, values in instrument.attributes.items()
    }
    return replace(instrument, attributes=fresh)


class Since:
    """What an instrument of the process has counted since this was made."""

    def __init__(self, instrument: Counter | Histogram) -> None:
        self._instrument = instrument
        self._before = self._now()

    def counts(self) -> dict[Key, float]:
        """Of a histogram how many values, by attributes; those that did not change are left out."""
        now = self._now()
        found = {key: count - self._before.get(key, 0) for key, count in now.items()}
        return {key: count for key, count in found.items() if count}

    def of(self, **attributes: str) -> float:
        """The sum over all series that have these attributes; `_` stands for a dot."""
        wanted = set(attributes.items())
        return sum(
            count
            for key, count in self.counts().items()
            if wanted <= {(name.replace(".", "_"), value) for name, value in key}
        )

    def _now(self) -> dict[Key, float]:
        if isinstance(self._instrument, Counter):
            return {key: total.value for key, total in self._instrument.read()}
        return {key: float(sum(spread.counts)) for key, _, spread in self._instrument.read()}
