"""Rooms and batches: which span is above which, and which link to one another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from docarray import DocList
from opentelemetry import trace

from adjudicate.documents import Case, Exemplar, Problem
from executors.shared.batcher import Batcher
from executors.shared.telemetry.tracing import (
    batch_span,
    current_trace_id,
    inside,
    note_problems,
    visit,
)
from tests.telemetry.kept import keeping, traceparent


def cases(*traceparents: str | None) -> DocList[Case]:
    return DocList[Case]([Case(traceparent=each) for each in traceparents])


def test_a_room_has_one_span_for_each_trace_of_a_message() -> None:
    one, other = traceparent(1), traceparent(2)
    with keeping() as kept, visit("encoder", "/review", cases(one, other, one, None, "garbage")):
        assert kept.spans == []
    assert [span.parent for span in kept.named("encoder/review")] == [one, other]
    assert [span.attributes for span in kept.spans] == [{"adjudicate.ads": 2}, {}]


async def test_one_batch_of_many_messages_is_linked_with_each_ad_both_ways() -> None:
    came = [traceparent(number) for number in (1, 2, 3)]

    def work(traces: Sequence[str | None]) -> list[str | None]:
        with batch_span("embed", traces, {"adjudicate.device": "cpu"}):
            return list(traces)

    batcher: Batcher[str | None, str | None] = Batcher(work, max_batch=3, max_wait=30)

    async def message(one: str) -> None:
        with visit("encoder", "/review", cases(one)):
            await batcher.submit(inside(one))

    with keeping() as kept:
        await asyncio.gather(*map(message, came))
    batcher.close()
    rooms = {span.parent: span for span in kept.named("encoder/review")}
    batch = kept.one("embed")
    assert set(rooms) == set(came)
    assert set(batch.links) == {span.traceparent for span in rooms.values()}
    assert batch.parent == batch.links[0]
    assert all(span.links == [batch.traceparent] for span in rooms.values())
    assert batch.attributes["adjudicate.batch.size"] == 3
    assert batch.attributes["adjudicate.device"] == "cpu"
    waited = batch.attributes["adjudicate.batch.wait"]
    assert isinstance(waited, float)
    assert 0 <= waited < 30


def test_an_ad_that_is_not_sampled_leaves_no_span_and_says_so_to_those_behind() -> None:
    dropped, kept_one = traceparent(1, sampled=False), traceparent(2)
    with keeping() as kept, visit("judge", "/review", cases(dropped, kept_one)):
        assert inside(dropped) == dropped
        with batch_span("chat", [inside(dropped)]):
            pass
        with batch_span("chat", [inside(dropped), inside(kept_one)]):
            pass
    assert [span.name for span in kept.spans] == ["chat", "judge/review"]
    assert len(kept.one("chat").links) == 1
    with keeping(0.0) as kept:
        assert inside(kept_one) == f"{kept_one[:-2]}00"
        assert inside("garbage") is None
        assert inside(None) is None


def test_without_tracing_an_ads_traceparent_goes_on_as_it_came() -> None:
    with visit("judge", "/review", cases(traceparent(1))):
        assert inside(traceparent(1)) == traceparent(1)
        with batch_span("chat", [traceparent(1)]) as span:
            assert not span.is_recording()


def test_a_message_of_one_trace_is_logged_under_it_even_if_nothing_is_recorded() -> None:
    with visit("library", "/review", cases(traceparent(0xAB), traceparent(0xAB))):
        assert current_trace_id() == f"{0xAB:032x}"
    with visit("library", "/review", cases(traceparent(1), traceparent(2))):
        assert current_trace_id() == ""
    assert current_trace_id() == ""


def test_only_the_room_where_an_ad_went_wrong_says_so() -> None:
    docs = cases(traceparent(1), traceparent(2), traceparent(3))
    docs[1].problem = Problem(code="image_unreadable", detail="")
    with keeping() as kept, visit("library", "/review", docs):
        docs[2].problem = Problem(code="library_stale", detail="")
        note_problems(docs)
    assert [span.failed for span in kept.spans] == ["", "", "library_stale"]


def test_a_room_that_raises_says_the_kind_of_error_and_not_its_message() -> None:
    with (
        keeping() as kept,
        pytest.raises(ValueError, match="cures"),
        visit("library", "/review", cases(traceparent(1))),
    ):
        raise ValueError("cures cancer")
    assert kept.one("library/review").failed == "ValueError"


def test_documents_without_a_trace_make_no_spans() -> None:
    with keeping() as kept, visit("library", "/library/add", DocList[Exemplar]([Exemplar()])):
        assert trace.get_current_span() is trace.INVALID_SPAN
    with keeping() as none, visit("library", "/status", None):
        pass
    assert kept.spans == none.spans == []
