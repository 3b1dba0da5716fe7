"""The pages of the monitor port, asked over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from benchmarks._servers import free_ports
from executors.shared.health import probes
from executors.shared.health.canaries import CanaryFailed
from executors.shared.health.checks import Check, NotReady
from executors.shared.health.probes import RoomProbes
from executors.shared.settings import HealthSettings, TelemetrySettings
from executors.shared.telemetry.monitor import open_monitor


class Room:
    """A room on an event loop of its own, as a process has it, with a monitor port."""

    def __init__(self, timeout_s: float = 30) -> None:
        (port,) = free_ports(1)
        telemetry = TelemetrySettings(metrics_port=port)
        self.monitor = open_monitor(telemetry, "gateway", 0, CollectorRegistry())
        self.url = f"http://127.0.0.1:{port}"
        self.error: Exception | None = None
        self.found: dict[str, Check] = {"model": lambda: "clip 1"}
        self.probes = RoomProbes(
            "encoder",
            2,
            HealthSettings(canary_timeout_s=timeout_s, canary_failures=2),
            work=self._work,
            done=lambda: 0,
            checks=lambda: self.found,
        )
        self.probes.add_to(self.monitor)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def open(self) -> None:
        async def opened() -> None:
            self.probes.opened()

        asyncio.run_coroutine_threadsafe(opened(), self.loop).result(30)

    def ask(self, probe: str) -> tuple[int, dict[str, Any]]:
        answer = httpx.get(f"{self.url}/health/{probe}", timeout=30)
        return answer.status_code, answer.json()

    def canary(self) -> None:
        asyncio.run_coroutine_threadsafe(self.probes.canary(), self.loop).result(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.probes.close()
        self.monitor.close()

    async def _work(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.close()


def test_a_room_that_loads_lives_and_is_not_ready(room: Room) -> None:
    status, said = room.ask("ready")
    assert (status, said["ready"]) == (503, False)
    assert said["checks"] == [{"name": "loaded", "ok": False, "detail": "it is loading"}]
    assert room.ask("live")[0] == 200
    assert room.ask("deep")[0] == 503


def test_an_open_room_is_ready_with_what_was_checked(room: Room) -> None:
    room.open()
    status, said = room.ask("ready")
    assert status == 200
    assert said == {
        "room": "encoder",
        "replica": 2,
        "ready": True,
        "checks": [{"name": "model", "ok": True, "detail": "clip 1"}],
    }


def test_a_check_that_fails_makes_it_unready_with_the_reason(room: Room) -> None:
    def unwritable() -> str:
        raise NotReady("attempt to write a readonly database")

    room.found = {"sql": unwritable}
    room.open()
    status, said = room.ask("ready")
    assert status == 503
    assert said["checks"][0]["detail"] == "attempt to write a readonly database"
    assert room.ask("live")[0] == 200


def test_the_deep_probe_sends_a_canary_now(room: Room) -> None:
    room.open()
    assert room.ask("deep")[0] == 200
    room.error = CanaryFailed("it finds nothing")
    status, said = room.ask("deep")
    assert (status, said["result"], said["detail"]) == (503, "failed", "it finds nothing")


def test_a_room_that_fails_as_often_as_is_allowed_no_longer_lives(room: Room) -> None:
    room.open()
    room.error = CanaryFailed("it finds nothing")
    room.canary()
    assert room.ask("live")[0] == 200
    room.canary()
    status, said = room.ask("live")
    assert (status, said["live"], said["canary_failures"]) == (503, False, 2)
    room.error = None
    room.canary()
    assert room.ask("live")[0] == 200


def test_a_fault_outside_does_not_end_its_life(room: Room) -> None:
    room.open()
    room.error = CanaryFailed("OperationalError", outside=True)
    for _ in range(3):
        room.canary()
    assert room.ask("live")[0] == 200


def test_a_stuck_event_loop_is_dead_and_deep_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "GRACE_S", 0.1)
    room = Room(timeout_s=0.1)
    room.open()
    free = threading.Event()
    room.loop.call_soon_threadsafe(free.wait, 60)
    try:
        status, said = room.ask("deep")  # waits longer than a canary may take
        assert (status, said["detail"]) == (503, "its event loop does not turn")
        status, said = room.ask("live")
        assert status == 503
        assert said["event_loop_behind_s"] > 0.1
    finally:
        free.set()
        room.canary()
        room.close()
