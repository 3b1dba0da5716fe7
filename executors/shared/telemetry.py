"""Spans that stay whole through batches, and the log lines of a room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, Span, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_W3C = TraceContextTextMapPropagator()


def links_to(traceparents: Iterable[str | None]) -> list[Link]:
    """One span link per distinct valid W3C `traceparent`."""
    links = []
    for traceparent in dict.fromkeys(t for t in traceparents if t):
        context = trace.get_current_span(_W3C.extract({"traceparent": traceparent}))
        if context.get_span_context().is_valid:
            links.append(Link(context.get_span_context()))
    return links


def trace_id_of(traceparent: str | None) -> str:
    """The 32 hex digits of a W3C `traceparent`; empty when there is none."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


@contextmanager
def batch_span(
    tracer: Tracer | None,
    name: str,
    traceparents: Iterable[str | None],
    attributes: dict[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A span over one model batch, linked to the trace of every ad in it.

    A batch belongs to many traces; OpenTelemetry's way to say so is the link, not the parent.
    """
    if tracer is None:
        yield trace.INVALID_SPAN
        return
    with tracer.start_as_current_span(
        name, links=links_to(traceparents), attributes=attributes
    ) as span:
        yield span
