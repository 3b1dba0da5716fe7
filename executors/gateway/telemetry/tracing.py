"""The trace of a request, from where it reaches the gateway.

Every request has a trace id, whether anything is recorded or not: it stands in its decisions, its
log lines and its errors. It is the caller's, by W3C Trace Context, or begins here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, Span

from adjudicate.errors import STATUS, AdjudicateError
from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.spans import Form, OpenSpan, spans

NOISE = frozenset({"/status", "/canary", "/report"})
"""Endpoints that make no spans: probes, and what watches the service."""


@contextmanager
def known_by(traceparent: str | None) -> Iterator[None]:
    """While inside, the trace is the caller's, or a new one; nothing is recorded yet."""
    token = attach(trace.set_span_in_context(_above(traceparent)))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def anew() -> Iterator[None]:
    """For one of several requests of a connection that brought no trace: each has its own."""
    above = trace.get_current_span().get_span_context()
    if above.is_remote:
        yield
        return
    with known_by(None):
        yield


def know_by(traceparent: str | None) -> None:
    """As `known_by`, for the whole of the current task."""
    attach(trace.set_span_in_context(_above(traceparent)))


@contextmanager
def request_span(form: Form, *, recorded: bool = True) -> Iterator[Span]:
    """The gateway's own span of one request: below the caller's, in the trace that `known_by` said,
    or the first of that trace. `recorded`: False for noise, which has no more than the trace id.
    """
    of = spans()
    above = trace.get_current_span().get_span_context()
    if not above.is_valid:
        above = w3c.context_of(of.root(), remote=False)
    traceparent = w3c.of_context(above)
    span: Span
    if not (recorded and of.on and of.keeps(traceparent)):
        span = NonRecordingSpan(above)
    elif above.is_remote:
        span = of.start(form, traceparent)
    else:
        span = of.first(form, traceparent)
    token = attach(trace.set_span_in_context(span))
    try:
        yield span
    except BaseException as error:
        if isinstance(span, OpenSpan):
            span.fail(str(getattr(error, "code", "")) or type(error).__name__)
        raise
    finally:
        detach(token)
        span.end()


def name_operation(route: str, operation: str) -> None:
    """Say on the current span which of the route's operations it is; noise is not recorded."""
    span = trace.get_current_span()
    if not isinstance(span, OpenSpan):
        return
    span.update_name(f"{route} {operation}")
    if f"/{operation}" in NOISE:
        span.forget()


def leave_out(span: Span) -> None:
    """Record nothing of this span: whoever has no key must not fill what people look at."""
    if isinstance(span, OpenSpan):
        span.forget()


def refused(error: AdjudicateError) -> None:
    """Say on the current span with which of our codes the request was refused. By OpenTelemetry's
    conventions a server's span has not failed when it was its caller's mistake."""
    span = trace.get_current_span()
    if isinstance(span, OpenSpan):
        span.set_attribute("adjudicate.code", str(error.code))
        if STATUS[error.code].http >= 500:
            span.fail(str(error.code))


def _above(traceparent: str | None) -> Span:
    valid = w3c.read(traceparent)
    if valid is not None:
        return NonRecordingSpan(w3c.context_of(valid))
    return NonRecordingSpan(w3c.context_of(spans().root(), remote=False))
