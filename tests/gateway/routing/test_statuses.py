"""A room's status with what its canaries say, whether the room answers or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from docarray import DocList
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.documents import Canary, RoomStatus
from executors.gateway.health.replicas import Replicas
from executors.gateway.routing import statuses
from executors.gateway.routing.statuses import status_of


class Health:
    """Of an encoder with one replica, whose last canary went so."""

    def __init__(self, result: str) -> None:
        self.replicas = Replicas()
        self.replicas.of("encoder", "host:1", 0).note(Canary(result=result, detail="x"))
        self.of = self.replicas.shown

    def unwell(self, room: str) -> bool:
        return self.replicas.healthy(room) is False

    def busy(self, room: str) -> bool:
        return any(replica.state == "busy" for replica in self.replicas)


def request() -> DataRequest:
    asked = DataRequest()
    asked.document_array_cls = DocList[RoomStatus]
    asked.data.docs = DocList[RoomStatus]([RoomStatus(room="encoder")])
    asked.header.request_id = "r1"
    return asked


async def told(answer: Awaitable[DataRequest], result: str) -> RoomStatus:
    found = await status_of("encoder", request(), answer, Health(result))
    found.document_array_cls = DocList[RoomStatus]
    (status,) = found.data.docs
    return status


async def answering() -> DataRequest:
    return request()


async def silent() -> DataRequest:
    raise InternalNetworkError(AioRpcError(StatusCode.UNAVAILABLE, Metadata(), Metadata()))


async def hanging() -> DataRequest:
    await asyncio.sleep(60)
    return request()


async def test_a_room_that_answers_has_the_health_of_its_replicas() -> None:
    status = await told(answering(), "ok")
    assert status.ready
    assert [(one.replica, one.state) for one in status.replicas] == [(0, "healthy")]


async def test_a_room_that_answers_and_does_not_work_is_not_ready() -> None:
    status = await told(answering(), "failed")
    assert not status.ready
    assert status.facts["problem"] == "It fails its canary."
    assert status.replicas[0].detail == "x"


@pytest.mark.parametrize("answer", [silent, hanging])
async def test_a_room_that_does_not_answer_is_not_ready_and_its_canaries_are_shown(
    answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "WAIT_S", 0.02)
    status = await told(answer(), "timeout")  # type: ignore[operator]
    assert (status.room, status.ready) == ("encoder", False)
    assert "not answering" in status.facts["problem"]
    assert status.replicas[0].failures == 1


async def test_a_room_that_is_too_busy_to_answer_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "WAIT_S", 0.02)
    status = await told(hanging(), "busy")
    assert status.ready
    assert status.facts["problem"] == "The room is busy."


async def test_a_refusal_stays_one() -> None:
    async def refused() -> DataRequest:
        answer = DataRequest()
        answer.header.status.code = jina_pb2.StatusProto.ERROR
        return answer

    found = await status_of("encoder", request(), refused(), Health("ok"))
    assert found.status.code == jina_pb2.StatusProto.ERROR


async def test_without_canaries_the_room_says_what_there_is() -> None:
    found = await status_of("encoder", request(), answering(), None)
    found.document_array_cls = DocList[RoomStatus]
    assert found.data.docs[0].ready
    assert not found.data.docs[0].replicas
