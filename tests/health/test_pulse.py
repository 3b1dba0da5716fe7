"""Whether a loop turns is seen from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from executors.shared.health import pulse
from executors.shared.health.pulse import Pulse


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_turns_owes_nothing(loop: asyncio.AbstractEventLoop) -> None:
    seen = Pulse()
    assert seen.behind() == 0.0  # it is not known yet
    seen.follow(loop)
    assert seen.behind() == 0.0


def test_a_stuck_loop_is_further_behind_with_each_question_and_recovers(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE_S", 0.01)
    clock, free, stuck = Clock(), threading.Event(), threading.Event()
    seen = Pulse(clock)
    seen.follow(loop)
    loop.call_soon_threadsafe(lambda: (stuck.set(), free.wait(30)))
    assert stuck.wait(30)
    assert seen.behind() == 0.0
    clock.now = 7.0
    assert seen.behind() == 7.0
    monkeypatch.setattr(pulse, "PATIENCE_S", 30)
    free.set()
    assert seen.behind() == 0.0


def test_a_loop_that_has_ended_owes_nothing() -> None:
    seen = Pulse()
    loop = asyncio.new_event_loop()
    seen.follow(loop)
    loop.close()
    assert seen.behind() == 0.0
