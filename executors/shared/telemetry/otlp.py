"""The instruments as OTLP has them, sent every so often. What encodes them is the SDK's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from executors.shared.telemetry.cells import Exemplar, Spread
from executors.shared.telemetry.export import Receiver
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Instrument

_SCOPE = InstrumentationScope("adjudicate")
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class Exporting:
    """A thread that sends the instruments' values to a receiver every `interval_s` seconds."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        resource: Resource,
        receiver: Receiver,
        interval_s: float,
    ) -> None:
        self._instruments = tuple(instruments)
        self._resource = resource
        self._receiver = receiver
        self._interval = interval_s
        self._sent_ns = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-export", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def close(self, seconds: float) -> None:
        """Send the last values; waits for at most so long."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._export()
        self._export()

    def _export(self) -> None:
        if not self._receiver.wants("metrics"):
            self._receiver.dropped("metrics")
            return
        now = time.time_ns()
        data = metrics_data(self._instruments, self._resource, now, exemplars_after=self._sent_ns)
        if self._receiver.send("metrics", encode_metrics(data)):
            self._sent_ns = now


def metrics_data(
    instruments: Iterable[Instrument], resource: Resource, now_ns: int, *, exemplars_after: int = 0
) -> MetricsData:
    """All series as they are now, with the exemplars that are newer than `exemplars_after`, ns."""
    found = [_metric(each, now_ns, exemplars_after) for each in instruments]
    scope = ScopeMetrics(_SCOPE, [each for each in found if each is not None], "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(instrument: Instrument, now: int, after: int) -> Metric | None:
    data: Sum | HistogramData | GaugeData
    if isinstance(instrument, Counter):
        sums = [
            NumberDataPoint(dict(key), total.since_ns, now, total.value)
            for key, total in instrument.read()
        ]
        data = Sum(sums, _CUMULATIVE, is_monotonic=True)
    elif isinstance(instrument, Histogram):
        spreads = [
            _spread(dict(key), since, now, spread, instrument.buckets, after)
            for key, since, spread in instrument.read()
        ]
        data = HistogramData(spreads, _CUMULATIVE)
    elif isinstance(instrument, Gauge):
        gauges = [
            NumberDataPoint(dict(key), now, now, value) for key, value in instrument.read().items()
        ]
        data = GaugeData(gauges)
    else:
        raise TypeError(f"{type(instrument).__name__} is no instrument")
    if not data.data_points:
        return None
    return Metric(instrument.name, instrument.description, instrument.unit, data)


def _spread(
    attributes: dict[str, str],
    since: int,
    now: int,
    spread: Spread,
    bounds: Sequence[float],
    after: int,
) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=since,
        time_unix_nano=now,
        count=sum(spread.counts),
        sum=spread.sum,
        bucket_counts=spread.counts,
        explicit_bounds=bounds,
        min=spread.least,
        max=spread.largest,
        exemplars=list(_exemplars(spread.exemplars, after)),
    )


def _exemplars(exemplars: Iterable[Exemplar | None], after: int) -> Iterator[SdkExemplar]:
    for one in exemplars:
        if one is not None and one.time_ns > after:
            span, trace = int(one.span_id, 16), int(one.trace_id, 16)
            yield SdkExemplar({}, one.value, one.time_ns, span, trace)
