"""The requests of one Jina client: side by side, bounded, in order where it wants that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from jina.types.request.data import DataRequest

from executors.gateway.limits.callers import limits_of
from executors.gateway.limits.streams import MOST, Streams
from executors.shared.settings import GatewaySettings, LimitSettings
from tests.gateway.limits.gateway import request_of, until


class Rooms:
    """Answers a request when it is told to."""

    def __init__(self) -> None:
        self.admitting = True
        self.asked: list[str] = []
        self.finish: dict[str, asyncio.Event] = {}
        self.cancelled: list[str] = []

    async def answer(self, request: DataRequest, admitted: Callable[[], None]) -> DataRequest:
        name = request.header.request_id
        self.asked.append(name)
        self.finish[name] = asyncio.Event()
        if self.admitting:
            admitted()
        try:
            await self.finish[name].wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return request


class Context:
    def __init__(self, **asked: str) -> None:
        self._asked = asked

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [(f"__{name}__", value) for name, value in self._asked.items()]


def named(number: int) -> DataRequest:
    request = request_of("x")
    request.header.request_id = str(number)
    return request


async def endless(read: list[int]) -> AsyncIterator[DataRequest]:
    for number in range(10_000):
        read.append(number)
        yield named(number)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def streams(rooms: Rooms) -> Streams:
    return Streams(rooms.answer, limits_of(LimitSettings(), GatewaySettings()))


async def taken(answers: Any, count: int) -> list[str]:
    return [(await anext(answers)).header.request_id for _ in range(count)]


async def test_answers_come_as_they_are_ready(rooms: Rooms, streams: Streams) -> None:
    answers = streams.stream([named(n) for n in range(3)])
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: len(rooms.asked) == 3)
    for name in ("2", "0", "1"):
        rooms.finish[name].set()
        await asyncio.sleep(0)
    assert (await first).header.request_id == "2"
    assert await taken(answers, 2) == ["0", "1"]
    with pytest.raises(StopAsyncIteration):
        await anext(answers)


async def test_answers_come_in_order_for_who_asks_so(rooms: Rooms, streams: Streams) -> None:
    answers = streams.stream([named(n) for n in range(3)], Context(results_in_order="true"))
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: len(rooms.asked) == 3)
    for name in ("2", "1", "0"):
        rooms.finish[name].set()
    assert (await first).header.request_id == "0"
    assert await taken(answers, 2) == ["1", "2"]


@pytest.mark.parametrize(("asked", "most"), [("3", 3), ("100000", MOST), ("0", MOST), ("x", MOST)])
async def test_a_client_cannot_ask_for_more_at_a_time_than_is_allowed(
    rooms: Rooms, streams: Streams, asked: str, most: int
) -> None:
    read: list[int] = []
    answers = streams.stream(endless(read), Context(prefetch=asked))
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: len(rooms.asked) == most)
    await asyncio.sleep(0.01)
    assert len(rooms.asked) == most
    assert len(read) == most + 1
    rooms.finish["0"].set()
    await first
    await asyncio.sleep(0.01)
    assert len(rooms.asked) == most  # until the client takes its next answer
    second = asyncio.ensure_future(anext(answers))
    await until(lambda: len(rooms.asked) == most + 1)
    second.cancel()


async def test_nothing_more_is_read_while_a_request_waits_at_the_door(
    rooms: Rooms, streams: Streams
) -> None:
    rooms.admitting = False
    read: list[int] = []
    answers = streams.stream(endless(read))
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: rooms.asked == ["0"])
    await asyncio.sleep(0.01)
    assert read == [0]
    rooms.finish["0"].set()
    await first
    await until(lambda: read == [0, 1])
    await answers.aclose()  # type: ignore[attr-defined]


async def test_a_stream_that_is_closed_cancels_what_it_has_in_flight(
    rooms: Rooms, streams: Streams
) -> None:
    answers = streams.stream(endless([]), Context(prefetch="4"))
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: len(rooms.asked) == 4)
    rooms.finish["1"].set()
    await first
    await answers.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert sorted(rooms.cancelled) == ["0", "2", "3"]


async def test_what_the_client_sends_wrongly_ends_its_stream(
    rooms: Rooms, streams: Streams
) -> None:
    async def broken() -> AsyncIterator[DataRequest]:
        yield named(0)
        raise RuntimeError("not a request")

    answers = streams.stream(broken())
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: rooms.asked == ["0"])
    rooms.finish["0"].set()
    await first
    with pytest.raises(RuntimeError, match="not a request"):
        await anext(answers)


async def test_a_stopped_stream_reads_no_more_and_ends_when_it_has_answered(
    rooms: Rooms, streams: Streams
) -> None:
    async def patient() -> AsyncIterator[DataRequest]:
        yield named(0)
        await asyncio.sleep(60)

    answers = streams.stream(patient())
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: rooms.asked == ["0"])
    streams.stop()
    await asyncio.sleep(0.01)
    assert not first.done()
    rooms.finish["0"].set()
    assert (await first).header.request_id == "0"
    with pytest.raises(StopAsyncIteration):
        await anext(answers)
