"""Streaming, retries, callbacks, traces and deadlines of `AsyncClient`; `Client` as its shadow."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import adjudicate
from adjudicate import (
    Ad,
    AsyncClient,
    Client,
    Decision,
    ServiceError,
    TooLargeError,
    pipeline,
    tracing,
)
from adjudicate.client import WINDOW
from adjudicate.errors import AdjudicateError, Code
from adjudicate.transports.faults import fault
from tests.client.fake import FakeServers, FakeService


@pytest.fixture
def address(servers: FakeServers, service: FakeService) -> str:
    """One protocol is enough for what the transports share."""
    return servers.urls["http"]


def fine(count: int) -> list[Ad]:
    return [Ad(id=str(n), text="fine") for n in range(count)]


def down(times: int) -> list[AdjudicateError]:
    return [fault(Code.ROOM_UNAVAILABLE, "the judge is away") for _ in range(times)]


async def collect(stream: AsyncIterator[Decision], seen: list[str]) -> None:
    """What came before an exception is what a test wants to see."""
    async for decision in stream:
        seen.append(decision.ad_id)


async def test_a_consumer_that_takes_its_time_is_no_deadline_of_the_service(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.client.GRACE_S", 0.0)
    async with AsyncClient(address, request_size=4, prefetch=1, timeout=1.5) as client:
        stream = client.review(fine(4))
        first = await anext(stream)
        await asyncio.sleep(1.7)
        outcomes = [first.outcome, *[decision.outcome async for decision in stream]]
    assert outcomes == ["approve"] * 4


async def test_each_ad_has_exactly_one_decision(address: str) -> None:
    async with AsyncClient(address, request_size=7, prefetch=3) as client:
        seen = [decision.ad_id async for decision in client.review(fine(100))]
    assert sorted(seen, key=int) == [str(n) for n in range(100)]


async def test_no_ads_are_no_request(address: str, service: FakeService) -> None:
    async with AsyncClient(address) as client:
        assert await client.review_all([]) == []
    assert service.requests == []


async def test_decisions_come_as_they_are_ready(address: str) -> None:
    ads = [Ad(id="slow", text="slow:0.5"), *fine(3)]
    async with AsyncClient(address, request_size=1) as client:
        seen = [decision.ad_id async for decision in client.review(ads)]
    assert seen[-1] == "slow"


async def test_in_order_they_come_in_the_order_of_the_ads(address: str) -> None:
    ads = [Ad(id="slow", text="slow:0.3"), *fine(20), Ad(id="empty")]
    async with AsyncClient(address, request_size=1) as client:
        seen = [decision.ad_id async for decision in client.review(ads, ordered=True)]
    assert seen == [ad.id for ad in ads]


async def test_in_order_a_slow_ad_holds_back_a_bounded_number(
    address: str, service: FakeService
) -> None:
    ads = [Ad(id="slow", text="slow:0.7"), *fine(100)]
    async with AsyncClient(address, request_size=2, prefetch=2) as client:
        stream = client.review(iter(ads), ordered=True)
        assert (await anext(stream)).ad_id == "slow"
        before = sum(len(request) for request in service.requests)
        assert [decision.ad_id async for decision in stream] == [ad.id for ad in ads[1:]]
    assert 2 * 2 < before <= 2 * 2 * WINDOW + 1


async def test_in_order_what_was_decided_comes_before_the_failure(
    address: str, service: FakeService
) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS)]
    seen: list[str] = []
    ads = [Ad(id=str(n), text="slow:0.1") for n in range(50)]
    async with AsyncClient(address, request_size=1, prefetch=3) as client:
        with pytest.raises(TooLargeError):
            await collect(client.review(ads, ordered=True), seen)
    assert len(seen) == 2
    assert seen == sorted(seen, key=int)


async def test_in_order_with_on_error_every_ad_has_its_place(
    address: str, service: FakeService
) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS)]
    async with AsyncClient(address, request_size=2, on_error=lambda what: None) as client:
        decisions = [decision async for decision in client.review(fine(9), ordered=True)]
    assert [decision.ad_id for decision in decisions] == [str(n) for n in range(9)]
    assert sum(decision.outcome == "error" for decision in decisions) == 2


async def test_decisions_can_be_numbered(address: str) -> None:
    ads = [Ad(id="same", text="slow:0.2"), Ad(id="same", text="cures")]
    async with AsyncClient(address, request_size=1) as client:
        found = {index: d.outcome async for index, d in client.review_numbered(ads)}
    assert found == {0: "approve", 1: "reject"}


@pytest.mark.parametrize("ordered", [False, True])
async def test_memory_does_not_grow_with_the_number_of_ads(address: str, ordered: bool) -> None:
    alive = most = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def endless() -> Iterator[Ad]:
        nonlocal alive, most
        while True:
            ad = Ad(text="fine")
            weakref.finalize(ad, gone)
            alive += 1
            most = max(most, alive)
            yield ad

    async with AsyncClient(address, request_size=8, prefetch=2) as client:
        stream = client.review(endless(), ordered=ordered)
        for _ in range(400):
            await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
    assert most <= 2 * 8 * (WINDOW if ordered else 1) + 3 * 8


async def test_requests_in_flight_are_bounded(address: str, service: FakeService) -> None:
    ads = [Ad(text="slow:0.05") for _ in range(40)]
    async with AsyncClient(address, request_size=2, prefetch=3) as client:
        await client.review_all(ads)
    assert service.most_in_flight == 3


async def test_an_endless_source_is_read_only_as_far_as_needed(address: str) -> None:
    read = 0

    def endless() -> Iterator[Ad]:
        nonlocal read
        while True:
            read += 1
            yield Ad(id=str(read), text="fine")

    async with AsyncClient(address, request_size=4, prefetch=2) as client:
        stream = client.review(endless())
        for _ in range(10):
            await anext(stream)
        await asyncio.sleep(0.2)  # a consumer that stops taking
        # Taken, waiting to be taken, in flight, and one in the source's hand.
        assert read <= 10 + 6 * 4
        await stream.aclose()  # type: ignore[attr-defined]
        stopped = read
        await asyncio.sleep(0.1)
        assert read <= stopped + 1


async def test_a_slow_source_holds_no_ad_back(address: str) -> None:
    async def live() -> AsyncIterator[Ad]:
        yield Ad(id="first", text="fine")
        await asyncio.sleep(5)
        yield Ad(id="second", text="fine")

    async with AsyncClient(address, request_size=16) as client:
        stream = client.review(live())
        async with asyncio.timeout(2):
            assert (await anext(stream)).ad_id == "first"
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_source_that_blocks_does_not_stop_the_loop(address: str) -> None:
    release = threading.Event()

    def blocking() -> Iterator[Ad]:
        yield Ad(id="first", text="fine")
        release.wait(10)
        yield Ad(id="second", text="fine")

    async with AsyncClient(address) as client:
        stream = client.review(blocking())
        assert (await anext(stream)).ad_id == "first"
        release.set()
        assert (await anext(stream)).ad_id == "second"


async def test_an_error_of_the_source_is_raised_after_what_was_sent(address: str) -> None:
    def broken() -> Iterator[Ad]:
        yield from fine(3)
        raise OSError("disk")

    seen: list[str] = []
    async with AsyncClient(address, request_size=1) as client:
        with pytest.raises(OSError, match="disk"):
            await collect(client.review(broken()), seen)
    assert sorted(seen) == ["0", "1", "2"]


async def test_what_is_no_ad_is_a_type_error(address: str) -> None:
    async with AsyncClient(address) as client:
        with pytest.raises(TypeError, match="not an ad: int"):
            await client.review_all([Ad(), 7])  # type: ignore[list-item]


async def test_heavy_ads_travel_in_small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REQUEST_BYTES", 100)
    ads = [Ad(image=b"x" * 60) for _ in range(5)]
    sizes = [len(batch) async for batch in pipeline.batches(pipeline.source(ads), 16)]
    assert sizes == [2, 2, 1]


async def test_a_transient_failure_is_repeated(address: str, service: FakeService) -> None:
    service.faults = down(2)
    async with AsyncClient(address, retries=2) as client:
        decisions = await client.review_all(fine(2))
    assert [decision.outcome for decision in decisions] == ["approve", "approve"]


async def test_repeats_are_bounded(address: str, service: FakeService) -> None:
    service.faults = down(5)
    async with AsyncClient(address, retries=1) as client:
        with pytest.raises(ServiceError, match="the judge is away") as caught:
            await client.review_all(fine(2))
    assert len(service.faults) == 3
    assert caught.value.__notes__ == ["ads of the failed request: 0, 1"]


async def test_a_refusal_is_not_repeated(address: str, service: FakeService) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS), fault(Code.TOO_MANY_ADS)]
    async with AsyncClient(address, retries=3) as client:
        with pytest.raises(AdjudicateError):
            await client.review_all(fine(1))
    assert len(service.faults) == 1


async def test_adding_to_the_library_is_repeated_until_the_service_is_back(
    address: str, service: FakeService
) -> None:
    service.faults = down(2)
    async with AsyncClient(address, retries=3) as client:
        (held,) = await client.library.add(adjudicate.Exemplar(text="cure"))
    assert held.problem is None
    assert len(service.exemplars) == 1


async def test_removing_from_the_library_is_not_repeated(
    address: str, service: FakeService
) -> None:
    service.faults = down(2)
    async with AsyncClient(address, retries=3) as client:
        with pytest.raises(ServiceError):
            await client.library.remove("e")
    assert len(service.faults) == 1


async def test_what_is_in_flight_is_answered_before_a_failure_is_raised(
    address: str, service: FakeService
) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS)]
    seen: list[str] = []
    ads = [Ad(id=f"sent {n}", text="slow:0.3") for n in range(50)]
    async with AsyncClient(address, request_size=1, prefetch=3) as client:
        with pytest.raises(AdjudicateError):
            await collect(client.review(ads), seen)
    assert len(seen) == 2, "one was refused, two were in flight, no more were read"


async def test_with_on_error_the_stream_goes_on(address: str, service: FakeService) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS, "too many")]
    errors: list[Any] = []
    async with AsyncClient(address, request_size=2, prefetch=1, on_error=errors.append) as client:
        decisions = await client.review_all(fine(6))
    assert [decision.ad_id for decision in decisions] == [str(n) for n in range(6)]
    assert [decision.outcome for decision in decisions] == ["error"] * 2 + ["approve"] * 4
    assert decisions[0].problem is not None
    assert decisions[0].problem.code == "too_many_ads"
    assert [str(error) for error in errors] == ["too_many_ads: too many"]


async def test_callbacks(address: str) -> None:
    done: list[str] = []
    errors: list[str] = []
    always: list[str] = []

    async def on_always(decision: Decision) -> None:
        await asyncio.sleep(0)
        always.append(decision.ad_id)

    client = AsyncClient(
        address,
        on_done=lambda decision: done.append(decision.ad_id),
        on_error=lambda what: errors.append(what.ad_id),  # type: ignore[union-attr]
        on_always=on_always,
    )
    async with client:
        await client.review_all([Ad(id="good", text="fine"), Ad(id="empty")])
    assert (done, errors, always) == (["good"], ["empty"], ["good", "empty"])


async def test_a_deadline_ends_the_waiting(
    address: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.client.GRACE_S", 0.1)
    before = time.time()
    async with AsyncClient(address, timeout=0.5) as client:
        with pytest.raises(ServiceError, match=r"within 0\.5 s") as caught:
            await client.review_all(Ad(text="slow:5"))
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    ended = time.time()
    assert ended - before < 4
    deadline = service.requests[0][0].deadline
    assert deadline is not None
    assert before + 0.5 <= deadline <= ended + 0.5


async def test_every_decision_has_a_trace_id_without_any_tracing(address: str) -> None:
    given = f"00-{'a' * 32}-{'b' * 16}-01"
    async with AsyncClient(address) as client:
        decisions = await client.review_all([*fine(2), Ad(text="fine", traceparent=given)])
    ids = [decision.trace_id for decision in decisions]
    assert len(set(ids)) == 3
    assert all(len(trace_id) == 32 and int(trace_id, 16) for trace_id in ids)
    assert ids[2] == "a" * 32


async def test_each_ad_has_a_span_under_the_callers(
    address: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    with provider.get_tracer("caller").start_as_current_span("caller") as caller:
        async with AsyncClient(address) as client:
            await client.review_all([Ad(id="a", text="cures"), Ad(id="b")])
    spans = {
        (span.attributes or {})["adjudicate.ad_id"]: span
        for span in exporter.get_finished_spans()
        if span.name == "adjudicate.review"
    }
    context = caller.get_span_context()
    assert all(span.parent and span.parent.span_id == context.span_id for span in spans.values())
    assert (spans["a"].attributes or {})["adjudicate.outcome"] == "reject"
    assert spans["b"].status.status_code is trace.StatusCode.ERROR
    span_id = trace.format_span_id(spans["a"].context.span_id)
    assert (service.requests[0][0].traceparent or "").split("-")[2] == span_id


async def test_a_client_of_another_loop_is_refused_clearly(address: str) -> None:
    client = AsyncClient(address)
    await client.review_all(fine(1))
    with pytest.raises(RuntimeError, match="belongs to the event loop"):
        await asyncio.to_thread(lambda: asyncio.run(client.status()))
    await client.close()


@pytest.mark.parametrize(
    "wrong", [{"request_size": 0}, {"prefetch": 0}, {"retries": -1}, {"timeout": 0}]
)
def test_sizes_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least|above 0"):
        AsyncClient(**wrong)  # type: ignore[arg-type]


def test_the_synchronous_client_does_the_same(url: str) -> None:
    with Client(url, request_size=2) as client:
        assert sorted(d.ad_id for d in client.review(fine(9))) == sorted(map(str, range(9)))
        assert [d.ad_id for d in client.review_all(iter(fine(5)))] == list("01234")
        assert client.embed(Ad(id="1", text="abc"))[0].ad_id == "1"
        client.library.add([adjudicate.Exemplar(id="e", text="cure")])
        assert [exemplar.id for exemplar in client.library.list()] == ["e"]
        assert len(client.status()) == 4
        with pytest.raises(AdjudicateError):
            client.decision("none")


def test_a_synchronous_stream_can_be_left_early(address: str) -> None:
    with Client(address, request_size=1) as client:
        for _ in client.review(Ad(text="fine") for _ in iter(int, 1)):
            break
        assert len(client.review_all(fine(2))) == 2
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "adjudicate-client"]


def test_two_threads_stream_side_by_side(servers: FakeServers, service: FakeService) -> None:
    counts: list[int] = []

    def work() -> None:
        with Client(servers.urls["grpc"], request_size=1, prefetch=2) as client:
            counts.append(len(client.review_all([Ad(text="slow:0.1")] * 6)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert counts == [6, 6, 6]
    assert service.most_in_flight >= 4, "no client waits for another's stream"
    assert time.perf_counter() - began < 5


def test_the_synchronous_methods_have_the_signatures_of_their_models() -> None:
    methods = {name for name in vars(AsyncClient) if not name.startswith("_")} - {"close"}
    assert methods == {name for name in vars(Client) if not name.startswith("_")} - {"close"}
    for name in (*methods, "__init__"):
        assert inspect.signature(getattr(Client, name)) == inspect.signature(
            getattr(AsyncClient, name)
        )


def test_importing_the_package_is_light_and_keeps_telemetry_off() -> None:
    code = (
        "import os, sys, adjudicate; assert os.environ['JINA_OPTOUT_TELEMETRY'] == '1';"
        "heavy = {'docarray', 'jina', 'grpc', 'httpx', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy; adjudicate.Code; assert 'docarray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_public_names_are_all_there() -> None:
    for name in adjudicate.__all__:
        assert getattr(adjudicate, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        adjudicate.Nothing  # noqa: B018
