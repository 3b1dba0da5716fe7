"""A canary says what became of the room's own work; a busy room is not a hung one."""

from __future__ import annotations

import asyncio

import pytest

from executors.shared.health.canaries import Canaries, CanaryFailed
from executors.shared.settings import HealthSettings

SETTINGS = HealthSettings(canary_timeout_s=0.05)


class Room:
    """Work that does what `doing` says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs = False
        self.done = 0
        self.tries = 0
        self.canaries = Canaries("encoder", 1, SETTINGS, self.work, lambda: self.done)

    async def work(self) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.sleep(60)


@pytest.fixture
def room() -> Room:
    return Room()


async def test_a_room_that_does_its_work_answers_with_its_name_and_time(room: Room) -> None:
    canary = await room.canaries.run()
    assert (canary.result, canary.room, canary.replica) == ("ok", "encoder", 1)
    assert canary.pid
    assert canary.milliseconds >= 0
    assert not canary.detail


async def test_what_came_out_wrong_is_told_and_counted_in_a_row(room: Room) -> None:
    room.error = CanaryFailed("its picture has no embedding")
    for failures in (1, 2):
        canary = await room.canaries.run()
        assert (canary.result, canary.detail) == ("failed", "its picture has no embedding")
        assert room.canaries.failures == failures
    room.error = None
    assert (await room.canaries.run()).result == "ok"
    assert room.canaries.failures == 0


async def test_a_fault_outside_of_the_room_is_no_failure_that_a_restart_would_heal(
    room: Room,
) -> None:
    room.error = CanaryFailed("OperationalError: connection refused", outside=True)
    canary = await room.canaries.run()
    assert (canary.result, canary.outside, room.canaries.failures) == ("failed", True, 0)


async def test_an_unexpected_error_is_a_failure_that_shows_only_its_kind(room: Room) -> None:
    room.error = ValueError("postgresql://user:secret@host")
    canary = await room.canaries.run()
    assert (canary.result, canary.detail) == ("failed", "ValueError")
    assert room.canaries.failures == 1


async def test_a_room_that_closes_meanwhile_has_not_failed_and_says_nothing(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.error = AttributeError("the model has gone")
    room.canaries.close()
    canary = await room.canaries.run()
    assert (canary.result, canary.detail) == ("failed", "the room is closing")
    assert canary.outside
    assert room.canaries.failures == 0
    assert not caplog.records


async def test_an_error_of_time_inside_the_work_is_a_failure_not_a_canary_out_of_time(
    room: Room,
) -> None:
    room.error = TimeoutError()
    assert (await room.canaries.run()).result == "failed"


async def test_a_room_in_which_nothing_moves_has_hung(room: Room) -> None:
    room.hangs = True
    canary = await room.canaries.run()
    assert canary.result == "timeout"
    assert "0.05 s" in canary.detail
    assert room.canaries.failures == 1


async def test_a_room_that_does_other_work_meanwhile_is_busy(room: Room) -> None:
    room.hangs = True
    room.done += 1
    assert (await room.canaries.run()).result == "busy"
    assert room.canaries.failures == 0
    # A batch may take longer than a canary waits: what counts is the time since the one before.
    assert (await room.canaries.run()).result == "timeout"


async def test_a_room_whose_batches_take_long_has_that_long() -> None:
    class Clock:
        now = 1_000.0

        def __call__(self) -> float:
            return self.now

    clock, room = Clock(), Room()
    room.canaries = Canaries("judge", 0, SETTINGS, room.work, lambda: room.done, 60, clock)
    room.hangs = True
    assert (await room.canaries.run()).result == "timeout", "it has done nothing yet"
    room.hangs = False
    assert (await room.canaries.run()).result == "ok"
    room.hangs = True
    clock.now += 60
    assert (await room.canaries.run()).result == "busy"
    clock.now += 1
    assert (await room.canaries.run()).result == "timeout"
    room.done += 1
    assert (await room.canaries.run()).result == "busy"


async def test_who_asks_meanwhile_gets_the_canary_that_is_under_way(room: Room) -> None:
    room.hangs = True
    first, second = await asyncio.gather(room.canaries.run(), room.canaries.run())
    assert room.tries == 1
    assert first == second


async def test_an_asker_that_goes_away_does_not_stop_it(room: Room) -> None:
    room.hangs = True
    asker = asyncio.ensure_future(room.canaries.run())
    await asyncio.sleep(0)
    asker.cancel()
    assert (await room.canaries.run()).result == "timeout"
    assert room.tries == 1
