"""The health of a running Flow: probes, canaries, gRPC, and rooms that are restarted or left be."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2

from adjudicate import Ad, AsyncClient, Client
from executors.shared.telemetry.ports import ROOMS
from tests.e2e.small import SmallFlow

_, *BEHIND = ROOMS
"""The rooms behind the gateway."""
PATIENCE_S = 60.0


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_room_lives_is_ready_and_does_its_work(small: SmallFlow) -> None:
    until(lambda: all(small.replica(room)["state"] == "healthy" for room in BEHIND))
    for room in ROOMS:
        for probe in ("live", "ready", "deep"):
            answer = small.monitor(room, f"/health/{probe}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["room"] == room
    checks = {
        room: [check["name"] for check in small.monitor(room, "/health/ready").json()["checks"]]
        for room in ROOMS
    }
    assert checks["library"] == ["sql", "index", "policy"]
    assert checks["ledger"] == ["sql"]
    assert checks["gateway"] == ["servers", *BEHIND]
    checked = small.monitor("library", "/health/ready").json()["checks"]
    assert "64 exemplars" in {check["name"]: check["detail"] for check in checked}["index"]


def test_canaries_are_no_ads(small: SmallFlow) -> None:
    def canaries() -> float:
        page = small.monitor("gateway", "/metrics").text
        counted = 'adjudicate_canaries_total{result="ok",room="ledger"} '
        (line,) = [line for line in page.splitlines() if line.startswith(counted)]
        return float(line.removeprefix(counted))

    said = len(small.log())
    with Client(small.urls["grpc"]) as client:
        client.review_all([Ad(id="one", text="Apples from the Wachau")])
        decided = int(small.room("ledger")["facts"]["decisions"])
        before = canaries()
        until(lambda: canaries() >= before + 3)
        assert int(small.room("ledger")["facts"]["decisions"]) == decided
        assert not [one for one in client.decisions(limit=50) if one.ad_id == "canary"]
    for room in ROOMS:
        page = small.monitor(room, "/metrics").text
        for metric in ("adjudicate_ads_total", "adjudicate_requests_total", "screened", "judged"):
            lines = [line for line in page.splitlines() if metric in line and line[0] != "#"]
            assert not [line for line in lines if "canary" in line or 'protocol="gateway"' in line]
    assert "canary" not in small.log()[said:]


def test_grpc_says_the_health_of_service_and_rooms_without_a_key(small: SmallFlow) -> None:
    until(lambda: all(small.replica(room)["state"] == "healthy" for room in BEHIND))
    names = ("", "adjudicate", "jina.JinaRPC", *(f"adjudicate.{room}" for room in BEHIND))
    for name in names:
        assert small.serving(name) == health_pb2.HealthCheckResponse.SERVING, name


def test_a_busy_room_is_left_alone(small: SmallFlow) -> None:
    """One ad at a time, and hundreds that wait: no canary comes through in its second."""
    ads = [Ad(id=f"n{n}", text=f"Apples {n}") for n in range(300)]
    pid = small.room("encoder")["pid"]
    seen: set[str] = set()

    async def watched() -> list[str]:
        async with AsyncClient(small.urls["grpc"], request_size=50, timeout=240) as client:
            reviewing = asyncio.ensure_future(client.review_all(ads))
            while not reviewing.done():
                seen.add((await asyncio.to_thread(small.replica, "encoder"))["state"])
                await asyncio.sleep(0.1)
            return [decision.outcome for decision in await reviewing]

    assert asyncio.run(watched()) == ["approve"] * len(ads)
    assert "busy" in seen
    assert "unhealthy" not in seen
    assert small.room("encoder")["pid"] == pid
    assert "encoder failed" not in small.log()


def test_a_killed_room_is_said_to_be_away_and_to_be_back(small: SmallFlow) -> None:
    before = small.room("library")
    status = health_pb2.HealthCheckResponse
    serving, away = status.SERVING, status.NOT_SERVING
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: small.serving("adjudicate.library") == away)
    assert small.serving("") == away
    assert not small.healthy()
    until(lambda: small.replica("library")["state"] == "healthy")
    until(small.healthy)
    assert small.serving("") == small.serving("adjudicate.library") == serving
    replica = small.replica("library")
    assert replica["restarts"] == 1
    assert replica["restart_reason"] == "died"
    assert replica["failures"] == 0
    page = small.monitor("gateway", "/metrics").text
    assert 'adjudicate_room_restarts{reason="died",room="library"} 1.0' in page
    assert 'adjudicate_room_healthy{room="library"} 1.0' in page


@pytest.mark.slow
@pytest.mark.parametrize("room", ["encoder", "gateway"])
def test_a_room_that_hangs_is_ended_and_comes_back(tmp_path: Path, room: str) -> None:
    small = SmallFlow(tmp_path, ADJUDICATE_HEALTH__CANARY_FAILURES="2")
    with small.running:
        os.kill(small.pid(room), signal.SIGSTOP)  # SIGTERM does not reach it: it has to be killed
        until(lambda: f"{room} is back" in small.log(), 180)
        until(small.healthy)
        with Client(small.urls["grpc"]) as client:
            (decision,) = client.review_all([Ad(text="Apples from the Wachau")])
        assert decision.outcome == "approve"
        assert f"{room} was ended (SIGKILL); restarting in 1 s" in small.log()
        page = small.monitor("gateway", "/metrics").text
        assert f'adjudicate_room_restarts{{reason="unhealthy",room="{room}"}} 1.0' in page
