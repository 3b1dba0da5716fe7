"""gRPC's health service, asked by its own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from adjudicate.documents import Canary
from executors.gateway.health import service as module
from executors.gateway.health.replicas import Replicas
from executors.gateway.health.service import HealthService, statuses

ROOMS = ("encoder", "library", "judge", "ledger")
Status = health_pb2.HealthCheckResponse


def asked(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


class Served:
    def __init__(self) -> None:
        self.health = HealthService()
        self.server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    async def start(self) -> None:
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = health_pb2_grpc.HealthStub(self.channel)

    async def stop(self) -> None:
        await self.channel.close()
        await self.server.stop(None)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.start()
    yield served
    await served.stop()


async def test_a_check_says_the_status_of_a_name(served: Served) -> None:
    assert (await served.stub.Check(asked(""))).status == Status.SERVING
    served.health.tell({"adjudicate.encoder": Status.NOT_SERVING})
    assert (await served.stub.Check(asked("adjudicate.encoder"))).status == Status.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await served.stub.Check(asked("nobody"))
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_all_watchers_hear_of_changes_though_another_has_gone(served: Served) -> None:
    served.health.tell({"adjudicate.encoder": Status.UNKNOWN})
    watches = [served.stub.Watch(asked("adjudicate.encoder")) for _ in range(3)]
    for watch in watches:
        assert (await watch.read()).status == Status.UNKNOWN
    watches[1].cancel()
    async with asyncio.timeout(30):
        while len(served.health._changed) > 2:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    served.health.tell({"adjudicate.encoder": Status.SERVING})
    for watch in (watches[0], watches[2]):
        assert (await asyncio.wait_for(watch.read(), 30)).status == Status.SERVING


async def test_an_unknown_name_is_watched_until_it_is_known(served: Served) -> None:
    watch = served.stub.Watch(asked("later"))
    assert (await watch.read()).status == Status.SERVICE_UNKNOWN
    served.health.tell({"later": Status.SERVING})
    assert (await asyncio.wait_for(watch.read(), 30)).status == Status.SERVING


async def test_there_is_a_bound_to_those_who_watch_without_a_key(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHERS", 2)
    watches = [served.stub.Watch(asked("")) for _ in range(2)]
    for watch in watches:
        await watch.read()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.stub.Watch(asked("")).read()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await served.stub.Check(asked(""))).status == Status.SERVING


async def test_a_stop_is_told_and_lets_the_watchers_go(served: Served) -> None:
    watch = served.stub.Watch(asked(""))
    assert (await watch.read()).status == Status.SERVING
    await served.health.enter_graceful_shutdown()
    assert (await asyncio.wait_for(watch.read(), 30)).status == Status.NOT_SERVING
    assert await asyncio.wait_for(watch.read(), 30) is grpc.aio.EOF
    served.health.tell({"": Status.SERVING})
    assert (await served.stub.Check(asked(""))).status == Status.NOT_SERVING


def known(**results: str) -> Replicas:
    replicas = Replicas()
    for port, room in enumerate(ROOMS):
        replica = replicas.of(room, f"host:{port}", 0)
        if room in results:
            replica.note(Canary(result=results[room]))
    return replicas


def test_a_service_of_which_nothing_is_known_serves() -> None:
    found = statuses(known(), ROOMS)
    assert found[""] == found["adjudicate"] == Status.SERVING
    assert {found[f"adjudicate.{room}"] for room in ROOMS} == {Status.UNKNOWN}


@pytest.mark.parametrize("room", ["encoder", "library", "ledger"])
def test_a_room_that_fails_takes_the_service_with_it(room: str) -> None:
    results = {**dict.fromkeys(ROOMS, "ok"), room: "timeout"}
    found = statuses(known(**results), ROOMS)
    assert found[""] == found["adjudicate"] == found[f"adjudicate.{room}"] == Status.NOT_SERVING
    assert found["adjudicate.judge"] == Status.SERVING


def test_without_a_judge_ads_are_decided_all_the_same() -> None:
    found = statuses(known(encoder="busy", library="ok", judge="failed", ledger="ok"), ROOMS)
    assert found[""] == found["adjudicate.encoder"] == Status.SERVING
    assert found["adjudicate.judge"] == Status.NOT_SERVING
