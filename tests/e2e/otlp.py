"""A real OTLP receiver: a gRPC server that keeps the spans it is sent, and takes metrics."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class ReceivedSpan:
    """What the tests read of a span."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    links: tuple[str, ...] = field(default=())
    """The trace ids that the span links to."""
    linked: tuple[str, ...] = field(default=())
    """And the ids of the spans."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    """What its status says, if that is an error."""


class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Listens on a free port from `start` to `stop`."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self.metadata: dict[str, str] = {}
        """Of the last export of traces."""
        self._seen = bytearray()
        self._traces: dict[str, list[ReceivedSpan]] = defaultdict(list)
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_TakesMetrics(), self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None)

    def Export(self, request: Any, context: Any) -> Any:
        """The OTLP method. Keeps every span of the request."""
        with self._lock:
            self.metadata = {name: str(value) for name, value in context.invocation_metadata()}
            self._seen += request.SerializeToString()
            for resource in request.resource_spans:
                attributes = {
                    item.key: item.value.string_value for item in resource.resource.attributes
                }
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self._keep(span, attributes.get("service.name", ""))
        return trace_service_pb2.ExportTraceServiceResponse()

    def _keep(self, span: Any, service: str) -> None:
        received = ReceivedSpan(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            service=service,
            links=tuple(link.trace_id.hex() for link in span.links),
            linked=tuple(link.span_id.hex() for link in span.links),
            attributes={
                each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
                for each in span.attributes
            },
            failed=span.status.message if span.status.code == Status.STATUS_CODE_ERROR else "",
        )
        self._traces[received.trace_id].append(received)

    def spans(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace so far."""
        with self._lock:
            return list(self._traces[trace_id])

    def all_spans(self) -> list[ReceivedSpan]:
        """Every span so far."""
        with self._lock:
            return [span for spans in self._traces.values() for span in spans]

    def bytes_seen(self) -> bytes:
        """Every export of spans, as it was on the wire."""
        with self._lock:
            return bytes(self._seen)

    def wait_for(
        self, trace_id: str, wanted: Callable[[list[ReceivedSpan]], bool], seconds: float
    ) -> list[ReceivedSpan]:
        """The spans of a trace, as soon as they are as wanted, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not wanted(self.spans(trace_id)):
            time.sleep(0.1)
        return self.spans(trace_id)

    def wait_for_services(self, trace_id: str, services: set[str], seconds: float) -> set[str]:
        """The services seen in a trace, as soon as all of `services` are, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = {span.service.split("/")[0] for span in self.spans(trace_id)}
            if services <= seen:
                break
            time.sleep(0.2)
        return {span.service.split("/")[0] for span in self.spans(trace_id)}

    def wait_for_one_root(self, trace_id: str, seconds: float) -> bool:
        """Whether all spans of a trace come to hang below one span that is not here."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            spans = self.spans(trace_id)
            if len({span.parent_id for span in spans} - {span.span_id for span in spans}) == 1:
                return True
            time.sleep(0.2)
        return False


class _TakesMetrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request: Any, context: Any) -> Any:
        """Takes them, and keeps nothing."""
        return metrics_service_pb2.ExportMetricsServiceResponse()
