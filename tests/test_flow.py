"""The supervisor's back-off; its processes are tested for real in tests/e2e."""

from __future__ import annotations

import pytest

from executors.shared.settings import SupervisorSettings
from executors.supervisor.place import Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_room_that_keeps_dying_waits_longer_each_time_up_to_the_bound(clock: Clock) -> None:
    settings = SupervisorSettings(backoff_s=1, backoff_max_s=10, healthy_after_s=60)
    backoff = Backoff(settings, clock)
    assert [backoff.died() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_a_room_that_lived_long_enough_starts_from_the_first_wait_again(clock: Clock) -> None:
    backoff = Backoff(SupervisorSettings(backoff_s=1, healthy_after_s=60), clock)
    for _ in range(4):
        backoff.died()
    backoff.started()
    clock.now += 61
    assert backoff.died() == 1


def test_a_room_that_died_early_does_not_start_from_the_first_wait(clock: Clock) -> None:
    backoff = Backoff(SupervisorSettings(backoff_s=1, healthy_after_s=60), clock)
    backoff.died()
    backoff.started()
    clock.now += 59
    assert backoff.died() == 2
