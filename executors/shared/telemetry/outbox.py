"""Spans that have ended, on their way out: encoded as OTLP and exported by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AttributeValue

from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.export import Receiver

if TYPE_CHECKING:
    from executors.shared.telemetry.spans import OpenSpan

WAITING = 8_192
"""Spans that wait for their export; further ones are lost."""
BATCH = 512
EVERY_S = 2.0
"""Or as soon as a batch is full."""

_KNOWN = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE = _KNOWN | trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


class Outbox:
    """Takes spans from any thread, and never makes one wait."""

    def __init__(self, receiver: Receiver, resource: Resource) -> None:
        self._receiver = receiver
        self._resource = ResourceMessage(attributes=packed(resource.attributes.items()))
        self._spans: deque[OpenSpan] = deque()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def put(self, span: OpenSpan) -> None:
        """Export the span some time. What does not fit is lost, and the receiver says so."""
        if len(self._spans) >= WAITING:
            self._receiver.overrun("traces")
            return
        self._spans.append(span)
        if len(self._spans) >= BATCH and not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Export what is here. Takes as long as the receiver does: see `closing`."""
        self._closed = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            self._export()
        self._export()

    def _export(self) -> None:
        while self._spans:
            spans = [self._spans.popleft() for _ in range(min(BATCH, len(self._spans)))]
            if self._receiver.wants("traces"):
                self._receiver.send("traces", encoded(spans, self._resource))
            else:
                self._receiver.dropped("traces")
            if not self._closed and len(self._spans) < BATCH:
                return


def encoded(spans: Iterable[OpenSpan], resource: ResourceMessage) -> ExportTraceServiceRequest:
    """An OTLP request. What spans of one form have alike was encoded with the form."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add(resource=resource)
    scope = of_resource.scope_spans.add(scope=InstrumentationScope(name="adjudicate"))
    for span in spans:
        message = scope.spans.add(
            trace_id=bytes.fromhex(w3c.trace_id(span.traceparent)),
            span_id=bytes.fromhex(w3c.span_id(span.traceparent)),
            start_time_unix_nano=span.start_ns,
            end_time_unix_nano=span.end_ns,
            flags=_REMOTE if span.remote else _KNOWN,
        )
        message.MergeFromString(span.form.packed)
        if span.parent is not None:
            message.parent_span_id = bytes.fromhex(w3c.span_id(span.parent))
        if span.name != span.form.name:
            message.name = span.name
        if span.attributes:
            message.attributes.extend(packed(span.attributes.items()))
        for link in span.links:
            message.links.add(
                trace_id=bytes.fromhex(w3c.trace_id(link)),
                span_id=bytes.fromhex(w3c.span_id(link)),
            )
        if span.failed:
            message.status.code = trace_pb2.Status.STATUS_CODE_ERROR
            message.status.message = span.failed
    return request


def packed(attributes: Iterable[tuple[str, AttributeValue]]) -> list[KeyValue]:
    """Attributes as OTLP has them. Ours are plain values."""
    return [KeyValue(key=name, value=_value(value)) for name, value in attributes]


def _value(value: AttributeValue) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))
