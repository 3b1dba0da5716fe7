"""Spans that stay whole through batches.

A message to a room holds ads of many traces, and a batch those of many messages. In a room each
trace of a message has a span (`visit`). A batch has one (`batch_span`): below that of its first ad,
with a link to each, and each links back to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind
from opentelemetry.util.types import AttributeValue

from executors.shared.batcher import WAITED
from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.spans import Form, OpenSpan, Spans, spans
from executors.shared.telemetry.traceparent import trace_id_of

__all__ = ["batch_span", "current_trace_id", "inside", "note_problems", "trace_id_of", "visit"]

_VISIT: ContextVar[dict[str, OpenSpan] | None] = ContextVar("visit", default=None)
"""The spans of the message that is worked on, by the `traceparent` that their ads came with."""

_FAILED: ContextVar[frozenset[str]] = ContextVar("failed", default=frozenset())
"""Those of its ads that had a problem before."""

_open: dict[str, OpenSpan] = {}
"""All such spans of this process, by their own `traceparent`: a batch's thread finds them here."""


@contextmanager
def visit(room: str, endpoint: str, documents: Sequence[Any] | None) -> Iterator[None]:
    """A span for each distinct sampled trace among the documents of one message to a room.

    Where all are of one trace it is also the current span, for what is logged meanwhile.
    """
    traces: dict[str, int] = {}
    failed: set[str] = set()
    for document in documents or ():
        traceparent = getattr(document, "traceparent", None)
        if traceparent:
            traces[traceparent] = traces.get(traceparent, 0) + 1
            if document.problem is not None:
                failed.add(traceparent)
    if not traces:
        yield
        return
    opened = _enter(spans(), f"{room}{endpoint}", traces)
    token = _VISIT.set(opened)
    before = _FAILED.set(frozenset(failed))
    only = _only(traces, opened)
    attached = attach(trace.set_span_in_context(only)) if only is not None else None
    try:
        yield
    except BaseException as error:
        for span in opened.values():
            span.fail(type(error).__name__)
        raise
    finally:
        if attached is not None:
            detach(attached)
        _FAILED.reset(before)
        _VISIT.reset(token)
        for span in opened.values():
            del _open[span.traceparent]
            span.end()


def note_problems(documents: Iterable[Any] | None) -> None:
    """Say on the spans of this visit which of the answered documents now have a problem."""
    opened = _VISIT.get()
    if not opened:
        return
    failed = _FAILED.get()
    for document in documents or ():
        problem = getattr(document, "problem", None)
        traceparent = getattr(document, "traceparent", None) or ""
        if problem is not None and traceparent in opened and traceparent not in failed:
            opened[traceparent].fail(problem.code)


def inside(traceparent: str | None) -> str | None:
    """What stands for an ad's `traceparent` in this room: that of its span here, if it has one.

    Where this process makes spans and this trace is not sampled, it says so to whoever gets it.
    """
    opened = _VISIT.get()
    if traceparent and opened and (span := opened.get(traceparent)) is not None:
        return span.traceparent
    of = spans()
    if traceparent and of.on and of.above(traceparent) is None:
        valid = w3c.read(traceparent)
        return None if valid is None else w3c.unsampled(valid)
    return traceparent


@contextmanager
def batch_span(
    name: str,
    traceparents: Iterable[str | None],
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A span over one batch of ads, each named by what `inside` says of it; the current one.

    A batch belongs to many traces; OpenTelemetry's way to say so is the link, not the parent. It
    has `adjudicate.batch.size`, and from a `Batcher` `adjudicate.batch.wait` in seconds: that of
    the item that waited longest. Nothing is recorded where no ad's trace is sampled.
    """
    of = spans()
    if not of.on:
        yield trace.INVALID_SPAN
        return
    asked = list(traceparents)
    ads = [t for t in dict.fromkeys(asked) if t and (t in _open or of.above(t))]
    if not ads:
        yield trace.INVALID_SPAN
        return
    span = of.start(_form(name), ads[0], remote=False, links=ads)
    span.attributes["adjudicate.batch.size"] = len(asked)
    if (waited := WAITED.get()) is not None:
        span.attributes["adjudicate.batch.wait"] = round(waited, 6)
    if attributes:
        span.attributes.update(attributes)
    for traceparent in ads:
        if (visited := _open.get(traceparent)) is not None:
            visited.link(span.traceparent)
    with under(span):
        yield span


@contextmanager
def under(span: OpenSpan) -> Iterator[OpenSpan]:
    """Make it the current span, and end it at the end; failed if that is an exception."""
    token = attach(trace.set_span_in_context(span))
    try:
        yield span
    except BaseException as error:
        # Its message may quote an ad.
        span.fail(type(error).__name__)
        raise
    finally:
        detach(token)
        span.end()


def current_trace_id() -> str:
    """The trace of what is being done now, 32 hex digits; empty where there is none."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def _enter(of: Spans, name: str, traces: dict[str, int]) -> dict[str, OpenSpan]:
    opened: dict[str, OpenSpan] = {}
    if not of.on:
        return opened
    form = room_form(name)
    for traceparent, count in traces.items():
        parent = of.above(traceparent)
        if parent is None:
            continue
        span = of.start(form, parent)
        if count > 1:
            span.attributes["adjudicate.ads"] = count
        opened[traceparent] = _open[span.traceparent] = span
    return opened


@cache
def room_form(name: str) -> Form:
    """The gateway's and the rooms' spans of ads: `encoder/review`."""
    return Form(name, SpanKind.SERVER, {"rpc.system.name": "jina", "rpc.method": name})


@cache
def _form(name: str) -> Form:
    return Form(name)


def _only(traces: dict[str, int], opened: dict[str, OpenSpan]) -> Span | None:
    """The span of the one trace that all are of, recorded or not."""
    if len(traces) != 1:
        return None
    ((traceparent, _),) = traces.items()
    if traceparent in opened:
        return opened[traceparent]
    valid = w3c.read(traceparent)
    return None if valid is None else NonRecordingSpan(w3c.context_of(valid))
