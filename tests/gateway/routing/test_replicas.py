"""One request to every replica, over Jina's own pool and real gRPC servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from docarray import DocList
from grpc_reflection.v1alpha import reflection
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.serve.networking import GrpcConnectionPool
from jina.types.request.data import DataRequest

from adjudicate.documents import Lookup, ModelVersion, Problem
from adjudicate.errors import Code, ServiceError
from benchmarks._servers import free_ports
from executors.gateway.routing.replicas import ask_each

SERVICE = jina_pb2.DESCRIPTOR.services_by_name["JinaSingleDataRequestRPC"].full_name


class Replica(jina_pb2_grpc.JinaSingleDataRequestRPCServicer):
    """A judge's replica: says its pid, what it was asked for, and how many were asked before."""

    order: list[int]

    def __init__(self, pid: int, order: list[int], *, fails: bool = False) -> None:
        self._pid = pid
        self._order = order
        self._fails = fails

    async def process_single_data(self, request: DataRequest, context: Any) -> DataRequest:
        self._order.append(self._pid)
        endpoint = dict(context.invocation_metadata())["endpoint"]
        request.document_array_cls = DocList[Lookup]
        (asked,) = request.data.docs
        answer = DataRequest()
        answer.document_array_cls = DocList[ModelVersion]
        answer.data.docs = DocList[ModelVersion](
            [ModelVersion(id=asked.id, pid=self._pid, source=endpoint)]
        )
        if self._fails:
            answer.header.status.code = jina_pb2.StatusProto.ERROR
            answer.header.status.description = "the replica failed"
        return answer


@pytest.fixture
async def started() -> AsyncIterator[Any]:
    """Starts a replica and returns its address."""
    async with AsyncExitStack() as stack:

        async def start(replica: Replica) -> str:
            server = grpc.aio.server()
            jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(replica, server)
            reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            stack.push_async_callback(server.stop, None)
            return f"127.0.0.1:{port}"

        yield start


async def _asked(*addresses: str) -> list[ModelVersion]:
    pool = GrpcConnectionPool("gateway")
    for address in addresses:
        pool.add_connection("judge", address, head=True)
    request = DataRequest()
    request.document_array_cls = DocList[Lookup]
    request.data.docs = DocList[Lookup]([Lookup(id="new")])
    try:
        answer = await ask_each(pool, request, "judge", "/models/load")
    finally:
        await pool.close()
    if answer.status.code == jina_pb2.StatusProto.ERROR:
        raise RuntimeError(answer.status.description)
    sent = DataRequest(answer.proto)
    sent.document_array_cls = DocList[ModelVersion]
    return list(sent.data.docs)


def _dead() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


async def test_every_replica_answers_once_one_after_another(started: Any) -> None:
    order: list[int] = []
    addresses = [await started(Replica(pid, order)) for pid in (11, 12, 13)]
    found = await _asked(*addresses)
    assert [(model.id, model.pid, model.source) for model in found] == [
        ("new", pid, "/models/load") for pid in (11, 12, 13)
    ]
    assert order == [11, 12, 13]


async def test_a_replica_that_is_down_is_told_beside_the_others(started: Any) -> None:
    order: list[int] = []
    alive = await started(Replica(11, order))
    found = await _asked(_dead(), alive)
    (missing,) = [model for model in found if model.problem]
    assert isinstance(missing.problem, Problem)
    assert missing.problem.code == Code.ROOM_UNAVAILABLE
    assert [model.pid for model in found if not model.problem] == [11]


async def test_the_error_of_a_replica_is_the_answer(started: Any) -> None:
    order: list[int] = []
    addresses = [await started(Replica(1, order)), await started(Replica(2, order, fails=True))]
    with pytest.raises(RuntimeError, match="the replica failed"):
        await _asked(*addresses)


async def test_a_room_without_a_replica_is_unreachable() -> None:
    for addresses in ([_dead()], []):
        with pytest.raises(ServiceError, match="judge is not answering") as error:
            await _asked(*addresses)
        assert error.value.code is Code.ROOM_UNAVAILABLE
