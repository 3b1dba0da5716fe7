"""The circuit breaker: its states, who gets through, and what counts."""

from __future__ import annotations

import asyncio
import time

import pytest

from executors.judge.backend import JudgeUnavailable
from executors.judge.breaker import Breaker, Fault

RESET_S = 0.1


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(failures=3, reset_s=RESET_S)


def succeed(breaker: Breaker) -> None:
    with breaker.attempt():
        pass


def fail(breaker: Breaker, error: Exception) -> None:
    with pytest.raises(type(error)), breaker.attempt():
        raise error


def opened(breaker: Breaker) -> None:
    for _ in range(3):
        fail(breaker, Fault())
    assert breaker.state == "open"


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except JudgeUnavailable as error:
        return error.reason == "breaker_open"
    return False


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, Fault())
    fail(breaker, Fault())
    succeed(breaker)
    fail(breaker, Fault())
    fail(breaker, Fault())
    assert breaker.state == "closed"
    fail(breaker, Fault())
    assert breaker.state == "open"
    assert breaker.opened == 1


def test_an_error_that_is_an_answer_is_as_good_as_one(breaker: Breaker) -> None:
    fail(breaker, Fault())
    fail(breaker, Fault())
    fail(breaker, ValueError())
    fail(breaker, Fault())
    assert breaker.state == "closed"


def test_open_it_lets_nothing_through(breaker: Breaker) -> None:
    opened(breaker)
    for _ in range(3):
        with pytest.raises(JudgeUnavailable, match="breaker_open"), breaker.attempt():
            raise AssertionError("not to be reached")
    assert breaker.refused == 3


def test_after_its_time_one_goes_through_alone(breaker: Breaker) -> None:
    opened(breaker)
    time.sleep(RESET_S)
    with breaker.attempt():
        assert breaker.state == "half-open"
        assert is_open(breaker)
    assert breaker.state == "closed"
    assert not is_open(breaker)


def test_a_trial_that_fails_opens_it_for_as_long_again(breaker: Breaker) -> None:
    opened(breaker)
    time.sleep(RESET_S)
    fail(breaker, Fault())
    assert breaker.state == "open"
    assert is_open(breaker)
    assert breaker.opened == 2
    time.sleep(RESET_S)
    succeed(breaker)
    assert breaker.state == "closed"


def test_failures_count_anew_after_it_closed(breaker: Breaker) -> None:
    opened(breaker)
    time.sleep(RESET_S)
    succeed(breaker)
    fail(breaker, Fault())
    fail(breaker, Fault())
    assert breaker.state == "closed"


async def test_a_trial_that_is_cancelled_leaves_the_next_one_to_try(breaker: Breaker) -> None:
    opened(breaker)
    await asyncio.sleep(RESET_S)

    async def trial() -> None:
        with breaker.attempt():
            await asyncio.sleep(60)

    task = asyncio.ensure_future(trial())
    await asyncio.sleep(0)
    assert is_open(breaker)
    task.cancel()
    await asyncio.wait([task])
    assert breaker.state == "half-open"
    assert not is_open(breaker)
    succeed(breaker)
    assert breaker.state == "closed"


async def test_a_cancelled_call_neither_counts_nor_forgives(breaker: Breaker) -> None:
    fail(breaker, Fault())
    fail(breaker, Fault())
    with pytest.raises(asyncio.CancelledError), breaker.attempt():
        raise asyncio.CancelledError
    assert breaker.state == "closed"
    fail(breaker, Fault())
    assert breaker.state == "open"


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_call_from_before_it_opened_changes_nothing(breaker: Breaker, ends_well: bool) -> None:
    straggler = breaker.attempt()
    straggler.__enter__()
    opened(breaker)
    time.sleep(RESET_S)
    with breaker.attempt():
        if ends_well:
            straggler.__exit__(None, None, None)
        else:
            fault = Fault()
            straggler.__exit__(Fault, fault, None)
        assert breaker.state == "half-open"
        assert is_open(breaker), "the trial is still the only one"
    assert breaker.state == "closed"
