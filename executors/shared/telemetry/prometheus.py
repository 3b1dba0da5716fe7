"""The catalogue's instruments as Prometheus has them, with exemplars where its format can."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.sdk.resources import Resource
from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as PrometheusExemplar
from prometheus_client.utils import floatToGoString

from executors.shared.telemetry.cells import Exemplar, Key, Spread
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Instrument

Bucket = tuple[str, float] | tuple[str, float, PrometheusExemplar]

UNITS = {"s": "seconds", "By": "bytes", "Cel": "celsius"}
"""Of the catalogue, by the OpenTelemetry specification's "Prometheus and OpenMetrics
Compatibility". Annotations such as `{ad}` add nothing, nor does `1`."""


def family_name(instrument: Instrument) -> str:
    """`adjudicate.stage.duration` in `s` is `adjudicate_stage_duration_seconds`."""
    name, unit = label_name(instrument.name), UNITS.get(instrument.unit, "")
    return name if not unit or name.endswith(f"_{unit}") else f"{name}_{unit}"


def sample_names(instrument: Instrument) -> tuple[str, ...]:
    """The names that a query may use."""
    family = family_name(instrument)
    if isinstance(instrument, Counter):
        return (f"{family}_total",)
    if isinstance(instrument, Histogram):
        return (f"{family}_bucket", f"{family}_sum", f"{family}_count")
    return (family,)


def label_name(attribute: str) -> str:
    """`gen_ai.token.type` is `gen_ai_token_type`."""
    return re.sub(r"[^a-zA-Z0-9]+", "_", attribute)


class InstrumentCollector(Collector):
    """Reads the instruments at each scrape."""

    def __init__(self, instruments: Iterable[Instrument], resource: Resource) -> None:
        self._instruments = tuple(instruments)
        self._target = {label_name(k): str(v) for k, v in resource.attributes.items()}

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("target", "Whose metrics these are.", self._target)
        for instrument in self._instruments:
            family = _family(instrument)
            if family is not None and family.samples:
                yield family

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry would otherwise read everything once when it is made."""
        return iter(())


def _family(instrument: Instrument) -> Metric | None:
    name, unit = family_name(instrument), UNITS.get(instrument.unit, "")
    labels = [label_name(attribute) for attribute in instrument.attributes]
    if isinstance(instrument, Counter):
        counter = CounterMetricFamily(name, instrument.description, labels=labels, unit=unit)
        for key, total in instrument.read():
            counter.add_metric(_values(instrument, key), total.value)
        return counter
    if isinstance(instrument, Histogram):
        histogram = HistogramMetricFamily(name, instrument.description, labels=labels, unit=unit)
        for key, _, spread in instrument.read():
            buckets = list(_buckets(instrument.buckets, spread))
            histogram.add_metric(_values(instrument, key), buckets, spread.sum)
        return histogram
    if isinstance(instrument, Gauge):
        gauge = GaugeMetricFamily(name, instrument.description, labels=labels, unit=unit)
        for key, value in instrument.read().items():
            gauge.add_metric(_values(instrument, key), value)
        return gauge
    return None


def _values(instrument: Instrument, key: Key) -> list[str]:
    given = dict(key)
    return [given.get(attribute, "") for attribute in instrument.attributes]


def _buckets(bounds: Sequence[float], spread: Spread) -> Iterator[Bucket]:
    below = 0
    for bound, count, exemplar in zip(
        (*bounds, float("inf")), spread.counts, spread.exemplars, strict=True
    ):
        below += count
        name: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
        yield (name, below) if exemplar is None else (name, below, _as_prometheus(exemplar))


def _as_prometheus(exemplar: Exemplar) -> PrometheusExemplar:
    labels = {"trace_id": exemplar.trace_id, "span_id": exemplar.span_id}
    return PrometheusExemplar(labels, exemplar.value, exemplar.time_ns / 1e9)
