"""Calls that wait for a room go together, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from docarray import DocList
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.documents import Case
from executors.gateway.routing.merging import IN_FLIGHT, LONGEST, MOST, Merging
from executors.gateway.routing.pictures import chosen, documents


def part(*texts: str) -> DataRequest:
    request = DataRequest()
    request.document_array_cls = DocList[Case]
    request.data.docs = DocList[Case]([Case(text=text) for text in texts])
    return request


def texts(request: DataRequest) -> list[str]:
    return [doc.data["text"].text for doc in documents(request)]


class Room:
    """Answers the first part's documents, one loop turn later."""

    def __init__(self) -> None:
        self.messages: list[list[list[str]]] = []
        self.busy = self.busiest = 0
        self.poison = ""

    async def send(self, parts: Sequence[DataRequest]) -> DataRequest:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        self.messages.append([texts(one) for one in parts])
        await asyncio.sleep(0.01)
        self.busy -= 1
        answer = chosen(parts[0], documents(parts[0]))
        if self.poison in texts(parts[0]):
            answer.header.status.code = jina_pb2.StatusProto.ERROR
        return answer


async def test_what_waits_goes_together_and_each_gets_its_own() -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send)
    asked = [part(f"{n}a", f"{n}b") for n in range(20)]
    answers = await asyncio.gather(*(merging.ask({"library": one}) for one in asked))
    assert [texts(answer) for answer in answers] == [[f"{n}a", f"{n}b"] for n in range(20)]
    assert len(room.messages) <= IN_FLIGHT + 2
    assert room.busiest <= IN_FLIGHT


async def test_parts_of_a_room_stay_with_that_room() -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send)
    judged = {1, 3}
    calls = [
        {"library": part(f"s{n}"), **({"judge": part(f"j{n}")} if n in judged else {})}
        for n in range(6)
    ]
    answers = await asyncio.gather(*map(merging.ask, calls))
    assert [texts(answer) for answer in answers] == [[f"s{n}"] for n in range(6)]
    for message in room.messages:
        screened, *answered = message
        assert all(text.startswith("s") for text in screened)
        assert all(text.startswith("j") for found in answered for text in found)
    assert sorted(t for m in room.messages for found in m[1:] for t in found) == ["j1", "j3"]


async def test_one_request_that_a_room_refuses_does_not_fail_the_others() -> None:
    room = Room()
    room.poison = "poison"
    merging = Merging(room.send)
    names = ["a", "b", "c", "poison", "d"]
    answers = await asyncio.gather(*(merging.ask({"library": part(name)}) for name in names))
    failed = [a.status.code == jina_pb2.StatusProto.ERROR for a in answers]
    assert failed == [name == "poison" for name in names]


async def test_a_room_that_is_away_is_said_to_every_one() -> None:
    async def away(parts: Sequence[DataRequest]) -> DataRequest:
        raise ConnectionError("away")

    merging = Merging(away)
    calls = (merging.ask({"library": part(str(n))}) for n in range(5))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, ConnectionError) for answer in answers)


async def test_a_client_that_has_gone_does_not_hold_the_others_up() -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send)
    tasks = [asyncio.ensure_future(merging.ask({"library": part(str(n))})) for n in range(6)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers.pop(4), asyncio.CancelledError)
    assert [texts(answer) for answer in answers] == [["0"], ["1"], ["2"], ["3"], ["5"]]


@pytest.mark.parametrize("size", [MOST, MOST + 1])
async def test_large_requests_travel_alone(size: int) -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send)
    asked = [part(*(str(n) for n in range(size))) for _ in range(4)]
    await asyncio.gather(*(merging.ask({"library": one}) for one in asked))
    assert [len(message[0]) for message in room.messages] == [size] * 4


async def test_with_a_window_calls_do_not_wait_for_the_answers_of_others() -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send, in_flight=100, window=0.005)
    first = [asyncio.ensure_future(merging.ask({"": part(str(n))})) for n in range(4)]
    await asyncio.sleep(0.009)
    later = [asyncio.ensure_future(merging.ask({"": part(str(n))})) for n in range(4, 6)]
    answers = await asyncio.gather(*first, *later)
    assert [texts(answer) for answer in answers] == [[str(n)] for n in range(6)]
    assert [message[0] for message in room.messages] == [["0", "1", "2", "3"], ["4", "5"]]


async def test_a_window_is_longer_while_calls_keep_coming_but_not_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    room = Room()
    room.poison = "none"
    merging = Merging(room.send, window=100.0)
    went: list[float] = []
    for moment in (0.0, 90.0, 180.0, 250.0):
        monkeypatch.setattr(loop, "time", lambda moment=moment: moment)
        task = asyncio.ensure_future(merging.ask({"": part(str(moment))}))
        await asyncio.sleep(0)
        assert merging._timer is not None
        went.append(merging._timer.when())
        task.cancel()
    monkeypatch.undo()
    assert went == [100.0, 190.0, 280.0, LONGEST * 100.0]
    merging._timer.cancel()


async def test_what_was_answered_together_asks_together() -> None:
    room = Room()
    room.poison = "none"
    merging = Merging(room.send)
    answered = asyncio.Event()

    async def one(n: int) -> None:
        await answered.wait()
        await merging.ask({"encoder": part(str(n))})

    tasks = [asyncio.ensure_future(one(n)) for n in range(16)]
    await asyncio.sleep(0)
    answered.set()
    await asyncio.gather(*tasks)
    assert [len(message[0]) for message in room.messages] == [16]


async def test_each_replica_has_its_messages_in_flight() -> None:
    room = Room()
    merging = Merging(room.send, most=1, replicas=lambda: 3)
    await asyncio.gather(*(merging.ask({"library": part(f"{n}")}) for n in range(20)))
    assert room.busiest == 3 * IN_FLIGHT


async def test_a_room_whose_replicas_are_all_away_is_asked_all_the_same() -> None:
    room = Room()
    await Merging(room.send, replicas=lambda: 0).ask({"library": part("one")})
    assert len(room.messages) == 1
