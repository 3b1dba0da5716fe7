"""Which spans are made, what they say, and how they look on the wire."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.outbox import encoded, packed
from executors.shared.telemetry.spans import MOST_LINKS, Form, OpenSpan, Spans
from tests.telemetry.kept import Kept, keeping, traceparent

FORM = Form("room/review", SpanKind.SERVER, {"rpc.method": "room/review", "n": 3, "yes": True})


@settings(max_examples=60)
@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_every_process_keeps_the_traces_that_opentelemetry_would(
    trace_id: int, share: float
) -> None:
    asked = traceparent(trace_id)
    keeps = Spans(Kept(), share)
    wanted = TraceIdRatioBased(share).should_sample(None, trace_id, "").decision.is_sampled()
    assert keeps.keeps(asked) == wanted
    assert keeps.keeps_span(w3c.context_of(asked)) == wanted
    assert (keeps.above(asked) is not None) == wanted


def test_a_client_may_ask_for_less_and_never_for_more() -> None:
    everything, nothing = Spans(Kept(), 1.0), Spans(Kept(), 0.0)
    assert everything.above(traceparent(7)) == traceparent(7)
    assert everything.above(traceparent(7, sampled=False)) is None
    assert nothing.above(traceparent(7)) is None
    assert Spans(None).above(traceparent(7)) is None


def test_a_trace_that_begins_here_says_whether_it_is_kept() -> None:
    some = Spans(Kept(), 0.5)
    roots = [some.root() for _ in range(400)]
    assert len(set(roots)) == 400
    assert all(w3c.read(root) == root for root in roots)
    assert all(w3c.is_sampled(root) == some.keeps(root) for root in roots)
    assert 100 < sum(map(w3c.is_sampled, roots)) < 300
    assert not w3c.is_sampled(Spans(None).root())


def test_a_span_is_recorded_once_and_a_forgotten_one_never() -> None:
    with keeping() as kept:
        span = Spans(kept).start(FORM, traceparent(1))
        assert span.is_recording()
        span.end()
        span.end()
        assert not span.is_recording()
        other = Spans(kept).start(FORM, traceparent(1))
        other.forget()
        other.end()
    assert kept.spans == [span]


def test_the_message_of_an_exception_is_in_no_span() -> None:
    kept = Kept()
    span = Spans(kept).start(FORM, traceparent(1))
    span.record_exception(ValueError("cures cancer"))
    span.add_event("cures cancer", {"copy": "cures cancer"})
    span.set_status(Status(StatusCode.ERROR, "cures cancer"))
    span.fail("image_unreadable")
    span.fail("internal")
    span.end()
    sent = encoded([span], ResourceMessage())
    assert b"cures" not in sent.SerializeToString()
    (only,) = sent.resource_spans[0].scope_spans[0].spans
    assert only.status.message == "image_unreadable"


def test_links_are_bounded() -> None:
    span = Spans(Kept()).start(FORM, traceparent(1))
    for number in range(1, MOST_LINKS + 50):
        span.link(traceparent(number))
    assert len(span.links) == MOST_LINKS


@pytest.mark.parametrize("failed", ["", "internal"])
@pytest.mark.parametrize("remote", [True, False])
def test_on_the_wire_a_span_is_what_the_sdk_would_send(remote: bool, failed: str) -> None:
    resource = Resource({"service.name": "adjudicate-encoder"})
    span = Spans(Kept()).start(
        FORM, traceparent(5, 9), remote=remote, links=[traceparent(6, 7)], start_ns=time.time_ns()
    )
    span.set_attributes({"adjudicate.device": "cpu", "adjudicate.batch.wait": 0.25, "size": 8})
    span.update_name("room/search")
    if failed:
        span.fail(failed)
    span.end()
    ours = encoded([span], ResourceMessage(attributes=packed(resource.attributes.items())))
    assert plain(ours) == plain(encode_spans([sdks(span, resource, remote, failed)]))


def sdks(span: OpenSpan, resource: Resource, remote: bool, failed: str) -> ReadableSpan:
    """The same as a span of the SDK."""
    assert span.parent is not None
    fixed = {"rpc.method": "room/review", "n": 3, "yes": True}
    return ReadableSpan(
        span.name,
        span.get_span_context(),
        w3c.context_of(span.parent, remote=remote),
        resource,
        {**fixed, **span.attributes},
        (),
        [Link(w3c.context_of(link)) for link in span.links],
        SpanKind.SERVER,
        instrumentation_scope=InstrumentationScope("adjudicate"),
        status=Status(StatusCode.ERROR, failed) if failed else Status(),
        start_time=span.start_ns,
        end_time=span.end_ns,
    )


def plain(request: Any) -> Any:
    """Without what the SDK writes although it is the default, and the flags of links."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if not span.status.ByteSize():
                    span.ClearField("status")
                for link in span.links:
                    link.ClearField("flags")
    return request
