"""The way to the receiver: whatever stands there, nobody waits, and the log says so once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from adjudicate.errors import ConfigurationError
from benchmarks._servers import free_ports
from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.catalogue import EXPORT_FAILURES
from executors.shared.telemetry.export import STEADY_S, Receiver, closing
from executors.shared.telemetry.outbox import WAITING, Outbox
from executors.shared.telemetry.spans import Form, Spans
from tests.e2e.otlp import OtlpReceiver
from tests.telemetry.kept import traceparent
from tests.telemetry.recorded import Since, recording

EMPTY, METRICS = ExportTraceServiceRequest(), ExportMetricsServiceRequest()
FORM = Form("room/review")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines of the log about the receiver; all are warnings."""
    lines = [record for record in caplog.records if "OTLP" in record.getMessage()]
    assert {line.levelno for line in lines} <= {logging.WARNING}
    return [line.getMessage() for line in lines]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def settings(port: int, **others: object) -> TelemetrySettings:
    return TelemetrySettings(otlp_endpoint=f"localhost:{port}", otlp_timeout_s=0.2, **others)


@contextmanager
def nobody() -> Iterator[int]:
    yield free_ports(1)[0]


@contextmanager
def one_that_never_answers() -> Iterator[int]:
    with create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def one_that_takes_it_and_never_answers() -> Iterator[int]:
    held = threading.Event()

    class Holds(OtlpReceiver):
        def Export(self, request: Any, context: Any) -> Any:
            held.wait(120)

    receiver = Holds()
    receiver.start()
    yield receiver.port
    held.set()
    receiver.stop()


@contextmanager
def a_web_server() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@contextmanager
def a_receiver() -> Iterator[OtlpReceiver]:
    receiver = OtlpReceiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(
    params=[nobody, one_that_never_answers, one_that_takes_it_and_never_answers, a_web_server]
)
def broken(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of each receiver that takes nothing."""
    with request.param() as port:
        yield port


def test_a_broken_receiver_is_tried_less_and_less_and_said_once(
    broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    receiver = Receiver(settings(broken), clock)
    tried = []
    with recording():
        failures = Since(EXPORT_FAILURES)
        for second in range(70):
            clock.now = 1_000.0 + second
            if receiver.wants("traces"):
                tried.append(second)
            assert not receiver.send("traces", EMPTY)
    receiver.close()
    assert tried == [0, 1, 3, 7, 15, 31, 61]
    assert failures.of(signal="traces") == 70
    (line,) = said(caplog)
    assert f"localhost:{broken} fails: it " in line


def test_it_says_once_that_the_receiver_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    (port,) = free_ports(1)
    receiver = Receiver(settings(port), clock)
    assert not receiver.send("traces", EMPTY)
    assert not receiver.send("metrics", METRICS)
    with a_receiver_at(port):
        deadline = time.monotonic() + 20
        arrived = 0
        while arrived < 3 and time.monotonic() < deadline:
            clock.now += STEADY_S + 30
            arrived += receiver.send("traces", EMPTY) and receiver.send("metrics", METRICS)
            time.sleep(0.1)  # gRPC dials again by its own clock
        assert arrived == 3
    receiver.close()
    assert said(caplog) == [
        f"the OTLP receiver localhost:{port} fails: it cannot be reached; traces are lost until "
        "it is back",
        f"the OTLP receiver localhost:{port} is back",
    ]


def test_one_that_fails_now_and_then_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    with a_receiver() as there:
        receiver = Receiver(settings(there.port), clock)
        for _ in range(50):
            receiver.overrun("traces")
            clock.now += 1.0
            assert receiver.send("traces", EMPTY)
        clock.now += STEADY_S
        assert receiver.send("traces", EMPTY)
        receiver.close()
    assert said(caplog) == [
        f"the OTLP receiver localhost:{there.port} fails: it is slower than they come; "
        "traces are lost until it is back",
        f"the OTLP receiver localhost:{there.port} is back",
    ]


def test_spans_end_at_once_and_the_stop_is_bounded(
    broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(settings(broken).model_copy(update={"otlp_timeout_s": 30.0}))
    outbox = Outbox(receiver, Resource.get_empty())
    spans = Spans(outbox)
    for number in range(1, WAITING + 2_000):
        spans.start(FORM, traceparent(number)).end()  # would never return if it waited for room
    assert len(outbox._spans) <= WAITING
    started = time.monotonic()
    closing(0.2, spans.close)
    receiver.close()
    outbox._thread.join(20)
    assert not outbox._thread.is_alive()
    assert time.monotonic() - started < 20  # not the 30 s of one export
    assert len(said(caplog)) <= 2  # one for each reason: it overran, and it fails


def test_one_that_is_known_to_be_gone_is_not_tried_again_at_the_stop(broken: int) -> None:
    clock = Clock()
    receiver = Receiver(settings(broken), clock)
    receiver.finish()
    assert not receiver._closed
    assert not receiver.send("traces", EMPTY)
    clock.now += 1_000
    assert receiver.wants("traces")
    receiver.finish()
    assert receiver._closed
    assert not receiver.send("traces", EMPTY)


def test_what_is_left_at_the_stop_arrives_with_its_headers() -> None:
    with a_receiver() as there:
        given = settings(there.port, otlp_headers="X-Scope=team a, authorization=Basic%20abc")
        receiver = Receiver(given.model_copy(update={"otlp_timeout_s": 10.0}))
        spans = Spans(Outbox(receiver, Resource({"service.name": "adjudicate-encoder"})))
        for number in range(1, 1_201):
            spans.start(FORM, traceparent(number)).end()
        closing(20, spans.close)
        receiver.close()
        assert len(there.all_spans()) == 1_200
        assert {span.service for span in there.all_spans()} == {"adjudicate-encoder"}
        assert there.metadata["authorization"] == "Basic abc"
        assert there.metadata["x-scope"] == "team a"


def test_closing_waits_no_longer_than_it_was_told() -> None:
    held = threading.Event()
    started = time.monotonic()
    closing(0.05, lambda: held.wait(30), lambda: held.wait(30))
    assert time.monotonic() - started < 20
    held.set()


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:x", ":4317", "ftp://host:1", "http://host:4318/v1/traces", "http://me:pw@host:1"],
)
def test_a_wrong_endpoint_is_refused_with_one_sentence(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="OTLP_ENDPOINT: must be the host:port") as refused:
        Receiver(TelemetrySettings(otlp_endpoint=endpoint))
    assert "pw" not in str(refused.value)


def test_wrong_headers_are_refused_without_showing_them() -> None:
    for given in ("authorization", "a=1,Bearer secret-key", "b ad=1", "name=secret-key\n"):
        with pytest.raises(ConfigurationError, match="OTLP_HEADERS") as refused:
            Receiver(TelemetrySettings(otlp_endpoint="localhost:1", otlp_headers=f"x=1,{given},é="))
        assert "secret-key" not in str(refused.value)


@contextmanager
def a_receiver_at(port: int) -> Iterator[None]:
    receiver = OtlpReceiver(port)
    receiver.start()
    yield
    receiver.stop()
