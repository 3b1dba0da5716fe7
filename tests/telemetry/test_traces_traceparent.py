"""`traceparent` as W3C has it, and as OpenTelemetry's own propagator reads it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from executors.shared.telemetry import traceparent as w3c

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WRONG = [
    None,
    "",
    "garbage",
    GOOD[:-1],
    GOOD.upper(),
    f"{GOOD}-more",
    f"{GOOD}\n",
    f"ff{GOOD[2:]}",
    f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473١-00f067aa0ba902b7-01",
]


def theirs(traceparent: str) -> trace.SpanContext:
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    return trace.get_current_span(context).get_span_context()


@pytest.mark.parametrize("given", WRONG)
def test_what_names_no_span_is_none(given: str | None) -> None:
    assert w3c.read(given) is None
    assert w3c.span_named(given) is None
    assert w3c.trace_id_of(given) == ""


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert w3c.read(f"01{GOOD[2:]}-what comes then") == GOOD


@settings(max_examples=60)
@given(
    st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 255), st.integers(0, 255)
)
def test_opentelemetry_reads_the_same(
    trace_id: int, span_id: int, flags: int, version: int
) -> None:
    text = f"{version:02x}-{trace_id:032x}-{span_id:016x}-{flags:02x}"
    ours, other = w3c.span_named(text), theirs(text)
    assert (ours is not None) == other.is_valid
    if ours is not None:
        assert (ours.trace_id, ours.span_id) == (other.trace_id, other.span_id)
        assert bool(ours.trace_flags & 1) == bool(other.trace_flags & 1) == w3c.is_sampled(text)
        assert w3c.read(w3c.of_context(ours)) == w3c.of_context(ours)
        assert w3c.trace_id_of(text) == f"{trace_id:032x}"
