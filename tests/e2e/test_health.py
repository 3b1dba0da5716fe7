"""The health of a running Flow: probes, canaries, gRPC, and rooms that are restarted or left be."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from adjudicate import Ad, AsyncClient, Client
from benchmarks._noop_flow import NoopFlow
from benchmarks._servers import free_range

ROOMS = ("encoder", "library", "judge", "ledger")
PORTS = ("gateway", *ROOMS)
CANARY_S = 0.5
PATIENCE_S = 60.0


class Flow:
    """A Flow whose gateway, library and ledger are the real ones."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.monitors = free_range(len(PORTS))
        self.running = NoopFlow(
            folder,
            {
                "ADJUDICATE_HEALTH__CANARY_S": str(CANARY_S),
                "ADJUDICATE_HEALTH__CANARY_TIMEOUT_S": "1",
                "ADJUDICATE_ENCODER__MAX_BATCH": "1",
                "NOOP_ENCODER_MS": "15",
                "ADJUDICATE_TELEMETRY__METRICS_PORT": str(self.monitors),
                **settings,
            },
        )

    @property
    def http(self) -> str:
        return self.running.urls["http"]

    def monitor(self, room: str, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.monitors + PORTS.index(room)}{path}"
        return httpx.get(url, timeout=30)

    def room(self, name: str) -> dict[str, Any]:
        rooms = httpx.get(f"{self.http}/v1/status", timeout=30).json()["rooms"]
        return next(room for room in rooms if room["room"] == name)

    def replica(self, name: str) -> dict[str, Any]:
        (replica,) = self.room(name)["replicas"]
        return dict(replica)

    def pid(self, room: str) -> int:
        """Of who listens on the room's monitor port."""
        port = self.monitors + PORTS.index(room)
        (found,) = [
            process.pid
            for process in self.running.server.family()
            if any(one.laddr.port == port for one in process.net_connections("tcp"))
        ]
        return int(found)

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.http}/health", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        return self.running.server.log.read_text(errors="replace")

    def serving(self, name: str) -> int:
        address = self.running.urls["grpc"].removeprefix("grpc://")
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest(service=name)
            return int(stub.Check(asked, timeout=30).status)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    flow = Flow(tmp_path_factory.mktemp("health"))
    with flow.running:
        yield flow


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_room_lives_is_ready_and_does_its_work(flow: Flow) -> None:
    until(lambda: all(flow.replica(room)["state"] == "healthy" for room in ROOMS))
    for room in PORTS:
        for probe in ("live", "ready", "deep"):
            answer = flow.monitor(room, f"/health/{probe}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["room"] == room
    checks = {
        room: [check["name"] for check in flow.monitor(room, "/health/ready").json()["checks"]]
        for room in PORTS
    }
    assert checks["library"] == ["sql", "index", "policy"]
    assert checks["ledger"] == ["sql"]
    assert checks["gateway"] == [*ROOMS]
    checked = flow.monitor("library", "/health/ready").json()["checks"]
    assert "64 exemplars" in {check["name"]: check["detail"] for check in checked}["index"]


def test_canaries_are_no_ads(flow: Flow) -> None:
    def canaries() -> float:
        page = flow.monitor("gateway", "/metrics").text
        counted = 'adjudicate_canaries_total{result="ok",room="ledger"} '
        (line,) = [line for line in page.splitlines() if line.startswith(counted)]
        return float(line.removeprefix(counted))

    with Client(flow.running.urls["grpc"]) as client:
        client.review_all([Ad(id="one", text="Apples from the Wachau")])
        decided = int(flow.room("ledger")["facts"]["decisions"])
        before = canaries()
        until(lambda: canaries() >= before + 3)
        assert int(flow.room("ledger")["facts"]["decisions"]) == decided
        assert not [one for one in client.decisions(limit=50) if one.ad_id == "canary"]
    for room in PORTS:
        page = flow.monitor(room, "/metrics").text
        for metric in ("adjudicate_ads_total", "adjudicate_requests_total", "screened", "judged"):
            lines = [line for line in page.splitlines() if metric in line and line[0] != "#"]
            assert not [line for line in lines if "canary" in line or 'protocol="gateway"' in line]
    assert "canary" not in flow.log()


def test_grpc_says_the_health_of_service_and_rooms_without_a_key(flow: Flow) -> None:
    until(lambda: all(flow.replica(room)["state"] == "healthy" for room in ROOMS))
    names = ("", "adjudicate", "jina.JinaRPC", *(f"adjudicate.{room}" for room in ROOMS))
    for name in names:
        assert flow.serving(name) == health_pb2.HealthCheckResponse.SERVING, name


def test_a_busy_room_is_left_alone(flow: Flow) -> None:
    """One ad at a time, and hundreds that wait: no canary comes through in its second."""
    ads = [Ad(id=f"n{n}", text=f"Apples {n}") for n in range(300)]
    pid = flow.room("encoder")["pid"]
    seen: set[str] = set()

    async def watched() -> list[str]:
        async with AsyncClient(flow.running.urls["grpc"], request_size=50, timeout=240) as client:
            reviewing = asyncio.ensure_future(client.review_all(ads))
            while not reviewing.done():
                seen.add((await asyncio.to_thread(flow.replica, "encoder"))["state"])
                await asyncio.sleep(0.1)
            return [decision.outcome for decision in await reviewing]

    assert asyncio.run(watched()) == ["approve"] * len(ads)
    assert "busy" in seen
    assert "unhealthy" not in seen
    assert flow.room("encoder")["pid"] == pid
    assert "encoder failed" not in flow.log()


def test_a_killed_room_is_said_to_be_away_and_to_be_back(flow: Flow) -> None:
    before = flow.room("library")
    status = health_pb2.HealthCheckResponse
    serving, away = status.SERVING, status.NOT_SERVING
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: flow.serving("adjudicate.library") == away)
    assert flow.serving("") == away
    assert not flow.healthy()
    until(lambda: flow.replica("library")["state"] == "healthy")
    until(flow.healthy)
    assert flow.serving("") == flow.serving("adjudicate.library") == serving
    replica = flow.replica("library")
    assert replica["restarts"] == 1
    assert replica["restart_reason"] == "died"
    assert replica["failures"] == 0
    page = flow.monitor("gateway", "/metrics").text
    assert 'adjudicate_room_restarts{reason="died",room="library"} 1.0' in page
    assert 'adjudicate_room_healthy{room="library"} 1.0' in page


def test_a_killed_supervisor_leaves_no_process_behind(flow: Flow) -> None:
    """The last one of this Flow."""
    supervisor, *rooms = flow.running.server.family()
    assert len(rooms) >= len(PORTS)
    supervisor.kill()
    _, alive = psutil.wait_procs(rooms, timeout=PATIENCE_S)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
@pytest.mark.parametrize("room", ["encoder", "gateway"])
def test_a_room_that_hangs_is_ended_and_comes_back(tmp_path: Path, room: str) -> None:
    flow = Flow(tmp_path, ADJUDICATE_HEALTH__CANARY_FAILURES="2")
    with flow.running:
        os.kill(flow.pid(room), signal.SIGSTOP)  # SIGTERM does not reach it: it has to be killed
        until(lambda: f"{room} is back" in flow.log(), 180)
        until(flow.healthy)
        with Client(flow.running.urls["grpc"]) as client:
            (decision,) = client.review_all([Ad(text="Apples from the Wachau")])
        assert decision.outcome == "approve"
        assert f"{room} was ended (SIGKILL); restarting in 1 s" in flow.log()
        page = flow.monitor("gateway", "/metrics").text
        assert f'adjudicate_room_restarts{{reason="unhealthy",room="{room}"}} 1.0' in page
