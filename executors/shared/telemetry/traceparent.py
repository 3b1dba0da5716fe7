"""W3C Trace Context, version 00: https://www.w3.org/TR/trace-context/#traceparent-header.

In here a span is known by its `traceparent`, as text: OpenTelemetry's own propagator and contexts
take ten times as long, for every ad in every room.
"""

from __future__ import annotations

import re

from opentelemetry.trace import SpanContext, TraceFlags

_FORM = re.compile(
    "(?!ff)[0-9a-f]{2}-(?P<ids>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    "(?P<more>-.*)?"
)
_SAMPLED, _NOT = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)
_ODD = frozenset("13579bdf")


def read(traceparent: str | None) -> str | None:
    """The `traceparent` in the form of version 00; None where it names no span."""
    found = _FORM.fullmatch(traceparent) if traceparent else None
    if found is None or traceparent is None:
        return None
    if len(traceparent) == 55 and traceparent.startswith("00"):
        return traceparent
    if traceparent.startswith("00"):
        return None
    return f"00-{found['ids']}-{found['flags']}"


def make(trace_id: str, span_id: str, sampled: bool) -> str:
    """Of hexadecimal ids."""
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"


def unsampled(traceparent: str) -> str:
    """The same, of which nothing is recorded."""
    return f"{traceparent[:52]}-00"


def trace_id(traceparent: str) -> str:
    """Its 32 hex digits."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """Its 16 hex digits."""
    return traceparent[36:52]


def is_sampled(traceparent: str) -> bool:
    """Whether its flag says so."""
    return traceparent[54] in _ODD


def context_of(traceparent: str, *, remote: bool = True) -> SpanContext:
    """OpenTelemetry's form of it."""
    flags = _SAMPLED if is_sampled(traceparent) else _NOT
    trace, span = int(trace_id(traceparent), 16), int(span_id(traceparent), 16)
    return SpanContext(trace, span, remote, flags)


def span_named(traceparent: str | None) -> SpanContext | None:
    """The remote span that it names, in OpenTelemetry's form; None where it names none."""
    valid = read(traceparent)
    return None if valid is None else context_of(valid)


def of_context(context: SpanContext) -> str:
    """The `traceparent` of a valid span."""
    sampled = bool(context.trace_flags & TraceFlags.SAMPLED)
    return make(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled)


def trace_id_of(traceparent: str | None) -> str:
    """The 32 hex digits of the trace; empty where there is none."""
    valid = read(traceparent)
    return "" if valid is None else trace_id(valid)
