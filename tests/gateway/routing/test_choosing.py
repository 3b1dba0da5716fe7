"""Which of a room's replicas gets the next request."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from executors.gateway.routing.choosing import AVOIDED_S, Choice

ROOM = [SimpleNamespace(address=name, deployment_name="encoder") for name in "abc"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def choice(clock: Clock) -> Choice:
    return Choice(clock)


def test_idle_replicas_take_turns(choice: Choice) -> None:
    assert [choice.of(ROOM, ()).address for _ in range(6)] == [*"abcabc"]


def test_each_room_has_turns_of_its_own(choice: Choice) -> None:
    other = [SimpleNamespace(address=name, deployment_name="judge") for name in "xy"]
    found = [choice.of(room, ()).address for room in (ROOM, other, ROOM, other)]
    assert found == ["a", "x", "b", "y"]


def test_the_one_with_the_fewest_under_way_is_next(choice: Choice) -> None:
    with ExitStack() as stack:
        for address in "aab":
            stack.enter_context(choice.under_way(address))
        assert choice.of(ROOM, ()).address == "c"
        stack.enter_context(choice.under_way("c"))
        stack.enter_context(choice.under_way("c"))
        assert choice.of(ROOM, ()).address == "b"
    assert {choice.of(ROOM, ()).address for _ in range(3)} == {*"abc"}


def test_a_request_that_fails_is_not_under_way_any_more(choice: Choice) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="down"), choice.under_way("a"):
            raise ValueError("down")
    assert {choice.of(ROOM, ()).address for _ in range(3)} == {*"abc"}


def test_one_that_was_tried_comes_last_however_idle(choice: Choice) -> None:
    with choice.under_way("c"):
        assert choice.of(ROOM, {"a", "b"}).address == "c"
    assert choice.of(ROOM, {*"abc"}).address in {*"abc"}


def test_one_that_failed_is_avoided_for_a_while(choice: Choice, clock: Clock) -> None:
    choice.failed("a")
    with choice.under_way("b"), choice.under_way("c"):
        assert {choice.of(ROOM, ()).address for _ in range(4)} == {"b", "c"}
        clock.now += AVOIDED_S
        assert choice.of(ROOM, ()).address == "a"


def test_when_all_failed_one_is_asked_all_the_same(choice: Choice) -> None:
    for address in "abc":
        choice.failed(address)
    assert {choice.of(ROOM, ()).address for _ in range(3)} == {*"abc"}
