"""Metrics by OTLP: to a real receiver, at intervals and once more at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.sdk.resources import Resource

from benchmarks._servers import free_ports
from executors.shared.settings import Settings, TelemetrySettings
from executors.shared.telemetry.catalogue import EXPORT_FAILURES
from executors.shared.telemetry.export import Receiver
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram
from executors.shared.telemetry.metrics import open_metrics
from executors.shared.telemetry.otlp import Exporting
from tests.telemetry.recorded import Since, recording

NOBODY = Resource.create({"service.name": "test"})
NEVER_S = 3_600.0
TRACE, SPAN = "ab" * 16, "cd" * 8
SAMPLED = f"00-{TRACE}-{SPAN}-01"


class MetricsReceiver(metrics_service_pb2_grpc.MetricsServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.came = threading.Semaphore(0)
        self._server = grpc.server(ThreadPoolExecutor(2))
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def Export(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.came.release()
        return metrics_service_pb2.ExportMetricsServiceResponse()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


@pytest.fixture
def collector() -> Iterator[MetricsReceiver]:
    made = MetricsReceiver()
    yield made
    made.stop()


def receiver_at(port: int) -> Receiver:
    return Receiver(TelemetrySettings(otlp_endpoint=f"127.0.0.1:{port}", otlp_timeout_s=5.0))


def metrics_of(request: Any) -> dict[str, Any]:
    return {m.name: m for m in request.resource_metrics[0].scope_metrics[0].metrics}


def test_a_close_sends_every_kind_of_instrument(collector: MetricsReceiver) -> None:
    ads, depth = Counter("a.ads", "{ad}", "Ads."), Gauge("a.depth", "{item}", "Depth.")
    times = Histogram("a.time", "s", "Time.", {}, (0.1, 1.0))
    unused = Counter("a.unused", "{ad}", "Nothing.")
    ads.add(3)
    depth.watch(lambda: [(2, {})])
    times.record(0.5, {}, SAMPLED)
    Exporting([ads, depth, times, unused], NOBODY, receiver_at(collector.port), NEVER_S).close(30)
    (request,) = collector.requests
    found = metrics_of(request)
    assert set(found) == {"a.ads", "a.depth", "a.time"}
    assert found["a.ads"].sum.data_points[0].as_double == 3
    assert found["a.ads"].sum.is_monotonic
    assert found["a.depth"].gauge.data_points[0].as_double == 2
    (point,) = found["a.time"].histogram.data_points
    assert list(point.bucket_counts) == [0, 1, 0]
    assert list(point.explicit_bounds) == [0.1, 1.0]
    assert (point.count, point.sum, point.min, point.max) == (1, 0.5, 0.5, 0.5)
    assert point.exemplars[0].trace_id.hex() == TRACE
    assert point.exemplars[0].span_id.hex() == SPAN
    assert found["a.time"].unit == "s"
    names = {a.key: a.value.string_value for a in request.resource_metrics[0].resource.attributes}
    assert names["service.name"] == "test"


def test_it_exports_by_itself_and_each_exemplar_once(collector: MetricsReceiver) -> None:
    times = Histogram("a.time", "s", "Time.", {}, (1.0,))
    times.record(0.5, {}, SAMPLED)
    exporting = Exporting([times], NOBODY, receiver_at(collector.port), 0.05)
    for _ in range(3):
        assert collector.came.acquire(timeout=30)
    exporting.close(30)
    points = [metrics_of(r)["a.time"].histogram.data_points[0] for r in collector.requests]
    assert [len(point.exemplars) for point in points] == [1, *[0] * (len(points) - 1)]
    assert {point.count for point in points} == {1}


def test_what_is_left_is_sent_when_a_process_closes_its_telemetry(
    collector: MetricsReceiver,
) -> None:
    settings = Settings(
        telemetry=TelemetrySettings(
            otlp_endpoint=f"127.0.0.1:{collector.port}",
            metrics_interval_s=NEVER_S,
        )
    )
    metrics = open_metrics(settings, NOBODY, Receiver(settings.telemetry))
    depth = Gauge("a.depth", "{item}", "Depth.")
    metrics.watch(depth, lambda: [(2, {})])
    metrics.close(30)
    (request,) = collector.requests
    assert {"process.memory.usage", "adjudicate.version"} <= set(metrics_of(request))
    assert depth.read() == {}
    metrics.close(30)
    assert len(collector.requests) == 1


def test_a_receiver_that_is_down_costs_a_count_and_holds_nothing() -> None:
    failures = Since(EXPORT_FAILURES)
    ads = Counter("a.ads", "{ad}", "Ads.")
    ads.add(1)
    (port,) = free_ports(1)
    exporting = Exporting([ads], NOBODY, receiver_at(port), NEVER_S)
    exporting.close(30)
    assert not exporting.running
    assert failures.of(signal="metrics") == 1
