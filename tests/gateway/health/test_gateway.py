"""The gateway's own probes, and its gauges, follow from what is known of the rooms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adjudicate.documents import Canary
from executors.gateway.health.gateway import GatewayHealth
from executors.shared.health.board import Board, Restarts
from executors.shared.settings import HealthSettings
from executors.shared.telemetry.monitor import Monitor
from tests.gateway.health.test_rounds import Connection

ROOMS = ("encoder", "library", "judge", "ledger")


class Pool:
    compression = None

    def __init__(self) -> None:
        self.connections = {room: Connection(f"host:{n}") for n, room in enumerate(ROOMS)}
        self._connections = self

    def get_replicas(self, room: str, head: bool) -> Any:
        class List:
            get_all_connections = staticmethod(lambda: [self.connections[room]])

        return List


class Gateway:
    def __init__(self, folder: Path) -> None:
        self.pool = Pool()
        self.monitor = Monitor()
        settings = HealthSettings(canary_s=0, board=folder)
        self.health = GatewayHealth(self.pool, ROOMS, settings, self.monitor)  # type: ignore[arg-type]

    async def ask(self, probe: str) -> tuple[int, dict[str, Any]]:
        status, _, body = await asyncio.to_thread(self.monitor._pages[f"/health/{probe}"])
        return status, json.loads(body)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(tmp_path)
    gateway.health.start()
    yield gateway
    await gateway.health.stop()


async def test_the_deep_probe_sends_a_canary_through_every_room(gateway: Gateway) -> None:
    status, said = await gateway.ask("deep")
    assert status == 200
    assert {row["room"]: row["state"] for row in said["replicas"]} == dict.fromkeys(
        ROOMS, "healthy"
    )
    gateway.pool.connections["ledger"].says = Canary(result="failed", detail="disk full")
    status, said = await gateway.ask("deep")
    assert status == 503
    assert [row["detail"] for row in said["replicas"] if row["room"] == "ledger"] == ["disk full"]


@pytest.mark.parametrize(("room", "ready"), [("encoder", 503), ("ledger", 503), ("judge", 200)])
async def test_it_is_ready_when_ads_can_be_decided(gateway: Gateway, room: str, ready: int) -> None:
    gateway.pool.connections[room].says = Canary(result="failed", detail="gone")
    await gateway.ask("deep")
    status, said = await gateway.ask("ready")
    assert status == ready
    (check,) = [check for check in said["checks"] if check["name"] == room]
    assert (check["ok"], check["detail"]) == (ready == 200, "gone")


async def test_its_event_loop_turns(gateway: Gateway) -> None:
    assert (await gateway.ask("live"))[0] == 200


async def test_a_gateway_that_waits_for_its_rooms_is_not_ready(tmp_path: Path) -> None:
    status, said = await Gateway(tmp_path).ask("ready")
    assert status == 503
    assert said["checks"][0]["detail"] == "it waits for its rooms to answer"


async def test_a_gateway_that_stops_is_not_ready(gateway: Gateway) -> None:
    await gateway.ask("deep")
    assert (await gateway.ask("ready"))[0] == 200
    await gateway.health.stop()
    assert (await gateway.ask("ready"))[0] == 503


async def test_the_gauges_are_by_room_and_reason(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.health._healthy() == []
    gateway.pool.connections["judge"].says = Canary(result="timeout")
    await gateway.ask("deep")
    healthy = {attributes["room"]: value for value, attributes in gateway.health._healthy()}
    assert healthy == {"encoder": 1.0, "library": 1.0, "judge": 0.0, "ledger": 1.0}
    Board(tmp_path).tell_restarts(
        {"1": Restarts("encoder", died=2), "2": Restarts("encoder", died=1, unhealthy=4)}
    )
    counted = {
        (attributes["room"], attributes["reason"]): value
        for value, attributes in gateway.health._restarts()
    }
    assert counted == {("encoder", "died"): 3, ("encoder", "unhealthy"): 4}
