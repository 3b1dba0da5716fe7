"""A real OTLP receiver: a gRPC server that keeps the spans it is sent."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


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


class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Listens on a free port from `start` to `stop`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces: dict[str, list[ReceivedSpan]] = defaultdict(list)
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None)

    def Export(self, request: Any, context: Any) -> Any:
        """The OTLP method. Keeps every span of the request."""
        with self._lock:
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
