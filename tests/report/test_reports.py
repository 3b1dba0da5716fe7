"""The gateway asks every replica of every room, and does without those that do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import httpx
import pytest
from docarray import DocList
from fastapi import FastAPI
from grpc_reflection.v1alpha import reflection
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.serve.networking import GrpcConnectionPool
from jina.types.request.data import DataRequest

from adjudicate.documents import RoomReport
from adjudicate.errors import Code, RequestError
from adjudicate.report.merge import merge
from adjudicate.report.model import Report
from adjudicate.report.parts import Decided, Part
from benchmarks._servers import free_ports
from executors.gateway.routing import reports as module
from executors.gateway.routing.reports import Reports
from executors.shared.reporting import report_of
from tests.gateway.protocols.conftest import api, app, http, rooms
from tests.report.made import reading, samples_of, times_of

__all__ = ["api", "app", "http", "rooms"]

SERVICE = jina_pb2.DESCRIPTOR.services_by_name["JinaSingleDataRequestRPC"].full_name
ROOMS = ("encoder", "ledger")
SINCE, UNTIL = "2026-03-01T12:00:00+00:00", "2026-03-01T12:10:00+00:00"


class Room(jina_pb2_grpc.JinaSingleDataRequestRPCServicer):
    """A replica that tells of itself, or, asked for decisions, of ten; it may hang or fail."""

    def __init__(self, name: str, replica: int = 0, *, hangs: bool = False, fails: bool = False):
        self._name, self._replica = name, replica
        self._hangs, self._fails = hangs, fails

    async def process_single_data(self, request: DataRequest, context: Any) -> DataRequest:
        if self._hangs:
            await asyncio.sleep(60)
        answer = DataRequest()
        if self._fails:
            answer.header.status.code = jina_pb2.StatusProto.ERROR
            answer.header.status.description = "a secret of the room"
            return answer
        request.document_array_cls = DocList[RoomReport]
        (asked,) = request.data.docs
        endpoint = dict(context.invocation_metadata())["endpoint"]
        assert request.header.exec_endpoint == endpoint
        answer.document_array_cls = DocList[RoomReport]
        answer.data.docs = DocList[RoomReport]([self._told(asked, endpoint)])
        return answer

    def _told(self, asked: RoomReport, endpoint: str) -> RoomReport:
        if endpoint == "/report/decisions":
            decided = Decided(ads=10, outcomes={"approve": 10}, read=10)
            return report_of(asked, self._name, 0, lambda _: Part(decided=decided), "decisions")
        samples = samples_of(reading(0.5))
        return report_of(
            asked, self._name, self._replica, lambda w: Part(measured=samples.measured(w))
        )


@pytest.fixture
async def pool() -> AsyncIterator[Any]:
    """Starts replicas and returns a pool that knows them; None stands for a dead one."""
    async with AsyncExitStack() as stack:

        async def start(**replicas: list[Room | None]) -> GrpcConnectionPool:
            made = GrpcConnectionPool("gateway")
            stack.push_async_callback(made.close)
            for name, started in replicas.items():
                for replica in started:
                    made.add_connection(name, await _serve(stack, replica), head=True)
            return made

        yield start


async def _serve(stack: AsyncExitStack, replica: Room | None) -> str:
    if replica is None:
        return f"127.0.0.1:{free_ports(1)[0]}"
    server = grpc.aio.server()
    jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(replica, server)
    reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return f"127.0.0.1:{port}"


def request(**window: str) -> DataRequest:
    made = DataRequest()
    made.document_array_cls = DocList[RoomReport]
    made.data.docs = DocList[RoomReport]([RoomReport(**window)])
    made.header.exec_endpoint = "/report"
    return made


async def asked(pool: GrpcConnectionPool, **window: str) -> Report:
    found = Reports(pool, ROOMS, times_of(100.0, 300.0), samples_of(reading(0.1)))
    answer = await found.answer(request(**(window or {"since": SINCE, "until": UNTIL})))
    answer = DataRequest(answer.proto)
    answer.document_array_cls = DocList[RoomReport]
    return merge(list(answer.data.docs))


async def test_every_replica_is_there_and_the_gateway_first(pool: Any) -> None:
    opened = await pool(encoder=[Room("encoder"), Room("encoder", 1)], ledger=[Room("ledger")])
    report = await asked(opened)
    assert [(room.room, room.replica) for room in report.rooms] == [
        *(("gateway", 0), ("encoder", 0), ("encoder", 1), ("ledger", 0)),
    ]
    assert (report.since, report.until) == (SINCE, UNTIL)
    assert report.rooms[0].measures["cpu"].max == 0.1
    assert report.rooms[3].measures["cpu"].max == 0.5
    assert report.ads is not None
    assert report.ads.count == 10
    total = report.stage("total")
    assert total is not None
    assert (total.count, total.mean) == (2, 200.0)


async def test_a_dead_replica_is_missing_beside_the_others(pool: Any) -> None:
    opened = await pool(encoder=[None, Room("encoder", 1)], ledger=[Room("ledger")])
    report = await asked(opened)
    told = {room.problem is None for room in report.rooms if room.room == "encoder"}
    assert told == {True, False}


async def test_a_dead_ledger_leaves_the_gateways_numbers(pool: Any) -> None:
    report = await asked(await pool(encoder=[Room("encoder")], ledger=[None]))
    assert report.ads is None
    assert [one.stage for one in report.stages] == ["total", "gateway", "ledger"]
    assert "ledger: the ledger is not answering" in report.notes


async def test_a_room_that_hangs_is_waited_for_no_longer_than_the_bound(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.2)
    opened = await pool(encoder=[Room("encoder", hangs=True)], ledger=[Room("ledger")])
    async with asyncio.timeout(30):
        report = await asked(opened)
    assert "encoder: no answer within 0.2 s" in report.notes
    assert report.ads is not None


async def test_a_room_that_fails_keeps_its_words_for_the_log(pool: Any) -> None:
    opened = await pool(encoder=[Room("encoder", fails=True)], ledger=[Room("ledger")])
    report = await asked(opened)
    assert "encoder: the encoder failed at it" in report.notes
    assert "secret" not in report.model_dump_json()


async def test_a_window_that_is_none_is_refused(pool: Any) -> None:
    opened = await pool(encoder=[Room("encoder")], ledger=[Room("ledger")])
    for window in ({"window": "soon"}, {"since": UNTIL, "until": SINCE}):
        with pytest.raises(RequestError) as refused:
            await asked(opened, **window)
        assert refused.value.code is Code.MALFORMED


async def test_the_route_answers_and_refuses(http: httpx.AsyncClient, app: FastAPI) -> None:
    answer = await http.get("/v1/report", params={"since": SINCE, "until": UNTIL})
    assert answer.status_code == 200
    assert Report.model_validate(answer.json()).seconds == 600
    wrong = await http.get("/v1/report", params={"window": "soon"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed_request")
    long = await http.get("/v1/report", params={"window": "1" * 101})
    assert (long.status_code, long.json()["code"]) == (400, "malformed_request")
    route = app.openapi()["paths"]["/v1/report"]["get"]
    assert {one["name"] for one in route["parameters"]} == {"window", "since", "until"}
    assert route["security"][0] == {"bearer": ["review"]}
