"""A place's process is ended with SIGTERM, killed when it does not end, and replaced."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from executors.flow import Flow
from executors.shared.health.board import Board
from executors.shared.settings import HealthSettings, SupervisorSettings
from executors.supervisor import place as module
from executors.supervisor.health import HealthWatch
from executors.supervisor.place import Place
from tests.supervisor.deaf import deaf

SPAWN = multiprocessing.get_context("spawn")


class Pod:
    """What the supervisor asks of Jina's."""

    def __init__(self, args: Any) -> None:
        self.args = args
        self.is_ready, self.is_shutdown = SPAWN.Event(), SPAWN.Event()
        self.worker = SPAWN.Process(target=deaf, args=(self.is_ready,), daemon=True)

    def start(self) -> None:
        self.worker.start()


class Supervised:
    """A Flow of one such pod, whose supervisor is turned by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module.PodFactory, "build_pod", staticmethod(Pod))
        monkeypatch.setattr("executors.flow.STOP_ROOM_S", 0.1)
        self.said: list[str] = []
        monkeypatch.setattr("executors.flow.say", lambda line, level=0: self.said.append(line))
        pod = Pod(SimpleNamespace(port=[5001], noblock_on_start=False))
        pod.start()
        settings = SupervisorSettings(backoff_s=0.01)
        self.place = Place("encoder", 1, "encoder/1", pod, lambda _: None, settings)  # type: ignore[arg-type]
        self.board = Board(folder)
        self.flow = Flow.__new__(Flow)
        self.flow._health = HealthWatch(self.board, HealthSettings(ready_s=0.1))

    def turn_until(self, line: str) -> None:
        until = time.monotonic() + 60
        while not any(line in said for said in self.said):
            assert time.monotonic() < until, self.said
            self.flow._watch(self.place)
            time.sleep(0.01)


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, monkeypatch)
    yield supervised
    supervised.place.pod.worker.kill()
    supervised.place.pod.worker.join()


def test_a_process_that_hangs_is_killed_and_started_anew(supervised: Supervised) -> None:
    first = supervised.place.pod.worker.pid
    assert supervised.place.pod.is_ready.wait(60)
    supervised.place.end(0.1)
    supervised.turn_until("was ended")
    assert supervised.said == ["encoder/1 was ended (SIGKILL); restarting in 0.01 s"]
    (told,) = supervised.board.restarts().values()
    assert (told.room, told.unhealthy, told.died) == ("encoder", 1, 0)
    supervised.flow._health = HealthWatch(supervised.board, HealthSettings())
    supervised.turn_until("encoder/1 is back")
    assert supervised.place.pod.worker.pid != first
    assert supervised.place.kill_at is None
    assert supervised.place.reason == "died"


def test_a_process_that_never_becomes_ready_is_ended(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "ready", False)
    supervised.turn_until("it is ended")
    assert supervised.said[0] == "encoder/1 is not ready after 0.1 s; it is ended"
    assert supervised.place.kill_at is not None
    supervised.turn_until("was ended")


def test_a_process_that_died_by_itself_is_said_to_have_died(supervised: Supervised) -> None:
    supervised.place.pod.worker.kill()
    supervised.place.pod.worker.join()
    supervised.turn_until("restarting")
    assert supervised.said == ["encoder/1 died (SIGKILL); restarting in 0.01 s"]
    (told,) = supervised.board.restarts().values()
    assert (told.died, told.unhealthy) == (1, 0)
