"""Who is restarted: by what the gateway tells, or when it tells nothing any more."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from executors.shared.health.board import Board, Health, Seen
from executors.shared.settings import HealthSettings
from executors.supervisor.health import HealthWatch

SETTINGS = HealthSettings(canary_s=30, canary_timeout_s=10, canary_failures=3, ready_s=900)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    room: str = "encoder"
    port: str = "5001"
    ready: bool = True
    started_at: float = 1_000.0

    @property
    def name(self) -> str:
        return self.room


class Desk:
    """A watch, and a gateway that tells it what a test says."""

    def __init__(self, folder: Path, settings: HealthSettings = SETTINGS) -> None:
        self.clock = Clock()
        self.board = Board(folder)
        self.watch = HealthWatch(self.board, settings, self.clock)
        self.place = Place()
        self._file = folder / "health.json"
        self._told = 0

    def tell(self, failures: int, sent: int, detail: str = "no answer for 15 s") -> None:
        self._told += 1
        self.board.tell_health(Health({"5001": Seen(failures, sent, detail)}))
        os.utime(self._file, (self._told, self._told))  # as if a second had passed

    def why(self) -> str:
        return self.watch.why_restart(self.place)

    def restart(self, sent: int) -> None:
        """It has ended, is started again, and comes up after the gateway sent so many canaries."""
        self.watch.restarted(self.place, "unhealthy")
        self.tell(failures=sent, sent=sent)
        self.watch.came_up(self.place)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.watch.came_up(desk.place)
    return desk


def test_nobody_is_restarted_before_the_gateway_has_told_anything(desk: Desk) -> None:
    assert desk.why() == ""


def test_the_third_failure_in_a_row_is_one_too_many_and_the_reason_is_said(desk: Desk) -> None:
    for failures in (1, 2):
        desk.tell(failures, sent=failures)
        assert desk.why() == ""
    desk.tell(3, sent=3)
    assert desk.why() == "failed 3 canaries in a row (no answer for 15 s)"


def test_another_rooms_failures_are_not_its_own(desk: Desk) -> None:
    desk.tell(9, sent=9)
    desk.place = Place("ledger", "5002")
    assert desk.why() == ""


def test_what_failed_while_it_loaded_does_not_count(desk: Desk) -> None:
    desk.tell(0, sent=10)
    desk.watch.came_up(desk.place)
    desk.tell(40, sent=50)
    desk.watch.came_up(desk.place)
    assert desk.why() == ""
    desk.tell(42, sent=52)
    assert desk.why() == ""
    desk.tell(43, sent=53)
    assert desk.why() != ""


def test_a_gateway_that_was_restarted_counts_anew(desk: Desk) -> None:
    desk.tell(0, sent=500)
    desk.watch.came_up(desk.place)
    desk.tell(2, sent=2)
    assert desk.why() == ""
    desk.tell(3, sent=3)
    assert desk.why() != ""


def test_a_room_that_a_restart_does_not_heal_is_restarted_ever_more_rarely(desk: Desk) -> None:
    sent, waited = 0, []
    for _ in range(8):
        failures = 0
        while not desk.why():
            failures += 1
            desk.tell(sent + failures, sent=sent + failures)
        waited.append(failures)
        sent += failures
        desk.restart(sent)
    assert waited == [3, 6, 12, 24, 48, 96, 96, 96]


def test_a_room_that_a_restart_has_healed_is_watched_as_before(desk: Desk) -> None:
    desk.tell(3, sent=3)
    desk.restart(sent=5)
    desk.tell(0, sent=6)
    assert desk.why() == ""
    desk.tell(3, sent=9)
    assert desk.why() != ""


def test_a_room_that_does_not_become_ready_is_restarted(desk: Desk) -> None:
    desk.place.ready = False
    desk.clock.now += 899
    assert desk.why() == ""
    desk.clock.now += 1
    assert desk.why() == "is not ready after 900 s"


def test_a_gateway_that_says_nothing_any_more_has_hung(desk: Desk) -> None:
    gateway = Place("gateway", "51000")
    desk.watch.came_up(gateway)
    for _ in range(5):
        desk.clock.now += 90
        desk.tell(0, sent=1)
        assert desk.watch.why_restart(gateway) == ""
    desk.clock.now += 100
    assert desk.watch.why_restart(gateway) == ""
    desk.clock.now += 1
    assert desk.watch.why_restart(gateway) == "has said nothing for 100 s"
    desk.watch.restarted(gateway, "unhealthy")
    desk.clock.now += 500
    desk.watch.came_up(gateway)
    assert desk.watch.why_restart(gateway) == ""


def test_without_canaries_only_a_room_that_never_comes_up_is_restarted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, HealthSettings(canary_s=0, ready_s=10))
    desk.tell(9, sent=9)
    desk.clock.now += 1e6
    assert desk.why() == ""
    assert desk.watch.why_restart(Place("gateway", "51000")) == ""
    desk.place.ready = False
    assert desk.why() == "is not ready after 10 s"


def test_restarts_are_counted_by_reason_and_told_to_the_gateway(desk: Desk) -> None:
    desk.watch.restarted(desk.place, "died")
    desk.watch.restarted(desk.place, "unhealthy")
    desk.watch.restarted(desk.place, "unhealthy")
    told = Board(desk.board._folder).restarts()["5001"]
    assert (told.room, told.died, told.unhealthy) == ("encoder", 1, 2)
    assert told.reason == "unhealthy"
    assert told.last.endswith("+00:00")
