"""The trace of one ad, from the client on: a span `adjudicate.review` and its `traceparent`."""

from __future__ import annotations

import secrets

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adjudicate.documents import Ad, Decision

_TRACER = trace.get_tracer("adjudicate.client")
_PROPAGATOR = TraceContextTextMapPropagator()


def start_span(ad: Ad) -> tuple[Span, str]:
    """A client span for `ad` and the W3C `traceparent` that the ad is sent with.

    A `traceparent` on the ad is the span's parent, else the current context is. Without a
    tracer provider and without a parent there is no span, but still a trace id: a decision can
    be found by it.
    """
    parent = _PROPAGATOR.extract({"traceparent": ad.traceparent}) if ad.traceparent else None
    span = _TRACER.start_span(
        "adjudicate.review",
        context=parent,
        kind=SpanKind.CLIENT,
        attributes={"adjudicate.ad_id": ad.id or ""},
    )
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context=trace.set_span_in_context(span))
    return span, carrier.get("traceparent") or new_traceparent()


def new_traceparent() -> str:
    """A sampled `traceparent` of random ids, version 00 of W3C Trace Context."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: str | None) -> str:
    """The 32 hex digits of the trace id; empty without one."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else ""


def end_span(span: Span, outcome: Decision | Exception) -> None:
    """End the ad's span with its outcome, or as failed."""
    if isinstance(outcome, Decision):
        span.set_attribute("adjudicate.outcome", outcome.outcome)
        span.set_attribute("adjudicate.judged", outcome.judged)
        if outcome.problem is not None:
            span.set_status(Status(StatusCode.ERROR, outcome.problem.code))
    else:
        # Its code alone: the message may quote what was sent.
        said = str(getattr(outcome, "code", "")) or type(outcome).__name__
        span.set_attribute("error.type", said)
        span.set_status(Status(StatusCode.ERROR, said))
    span.end()
