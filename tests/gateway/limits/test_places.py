"""Ads in flight: bounded for each caller and for all, with a fair and bounded line."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from adjudicate.errors import AdjudicateError, Code, ServiceError
from executors.gateway.limits import places as module
from executors.gateway.limits.places import Places, Unfinished


class Request:
    """One request of a caller, from the door on."""

    def __init__(self, places: Places, caller: str, ads: int) -> None:
        self._places = places
        self._caller = caller
        self._ads = ads
        self._finish = asyncio.Event()
        self.inside = False
        self.error: AdjudicateError | None = None
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            async with self._places.hold(self._caller, self._ads):
                self.inside = True
                await self._finish.wait()
        except AdjudicateError as error:
            self.error = error
        finally:
            self.inside = False

    async def finish(self) -> None:
        self._finish.set()
        await self.task
        await turns()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def started(places: Places, *asked: tuple[str, int]) -> list[Request]:
    requests = []
    for caller, ads in asked:
        requests.append(Request(places, caller, ads))
        await turns()
    return requests


def inside(requests: list[Request]) -> list[bool]:
    return [request.inside for request in requests]


def places(total: int = 10, per_caller: int = 10, waiting: int = 10, wait_s: float = 60) -> Places:
    return Places(total, per_caller, waiting, wait_s)


async def test_what_fits_goes_in_and_what_does_not_waits_its_turn() -> None:
    here = places()
    requests = await started(here, ("a", 6), ("b", 4), ("c", 3), ("d", 1))
    assert inside(requests) == [True, True, False, False]
    await requests[1].finish()
    assert inside(requests) == [True, False, True, True]
    await requests[0].finish()
    await requests[2].finish()
    await requests[3].finish()
    assert (here.ads, here.waiting, here.unfinished()) == (0, 0, [])


async def test_a_large_request_is_not_passed_by_small_ones_for_ever() -> None:
    here = places()
    requests = await started(here, ("a", 6), ("b", 8), ("c", 1), ("d", 1))
    assert inside(requests) == [True, False, False, False]
    await requests[0].finish()
    assert inside(requests) == [False, True, True, True]


async def test_who_has_least_in_flight_is_next() -> None:
    here = places(total=10, per_caller=10, waiting=100)
    flood = await started(here, *[("flood", 2)] * 12)
    (other,) = await started(here, ("other", 2))
    assert inside(flood) == [True] * 5 + [False] * 7
    await flood[0].finish()
    assert other.inside
    assert inside(flood) == [False] + [True] * 4 + [False] * 7


async def test_nobody_waits_for_a_caller_whose_own_ads_keep_it_back() -> None:
    here = places(total=10, per_caller=4)
    requests = await started(here, ("a", 4), ("a", 2), ("b", 3))
    assert inside(requests) == [True, False, True]
    await requests[0].finish()
    assert inside(requests) == [False, True, True]


async def test_a_full_line_refuses_at_once_and_says_when_to_come_again() -> None:
    here = places(total=10, per_caller=10, waiting=4)
    requests = await started(here, ("a", 10), ("b", 4), ("c", 1), ("a", 4))
    own, others = requests[3].error, requests[1].error
    assert own is not None
    assert own.code is Code.OVERLOADED
    assert requests[2].error is None
    # b waited with the most ads, so c took its place in the line.
    assert others is not None
    assert (others.code, others.retry_after) == (Code.OVERLOADED, 1.0)
    await requests[0].finish()
    assert inside(requests) == [False, False, True, False]


async def test_whose_own_ads_leave_no_place_is_told_so() -> None:
    here = places(total=20, per_caller=4, waiting=2)
    requests = await started(here, ("a", 4), ("a", 2), ("a", 1))
    error = requests[2].error
    assert error is not None
    assert error.code is Code.RATE_LIMITED
    assert "4 ads of this key" in error.detail


@pytest.mark.parametrize(("waiting", "line"), [(4, 4), (0, 0)])
async def test_what_the_door_would_refuse_is_known_before_it_is_read(
    waiting: int, line: int
) -> None:
    here = places(total=10, per_caller=10, waiting=waiting)
    here.check("a")
    requests = await started(here, ("a", 9))
    here.check("a")
    requests += await started(here, ("a", 1), *[("a", 1)] * line)
    with pytest.raises(ServiceError):
        here.check("a")
    if line:
        here.check("b")  # it has a right to one of a's places in the line
    for request in requests:
        await request.finish()
    here.check("a")


async def test_without_a_line_what_does_not_fit_is_refused() -> None:
    here = places(waiting=0)
    requests = await started(here, ("a", 10), ("b", 1))
    assert requests[1].error is not None
    assert requests[1].error.code is Code.OVERLOADED
    assert here.waiting == 0


async def test_who_waits_too_long_is_refused() -> None:
    here = places(wait_s=0.01)
    requests = await started(here, ("a", 10), ("b", 1), ("a", 1))
    await asyncio.gather(requests[1].task, requests[2].task)
    codes = [request.error and request.error.code for request in requests]
    assert codes == [None, Code.OVERLOADED, Code.OVERLOADED]
    assert here.waiting == 0
    await requests[0].finish()
    assert here.unfinished() == []


async def test_what_can_never_fit_is_told_so() -> None:
    here = places(total=10, per_caller=4)
    (request,) = await started(here, ("a", 5))
    assert request.error is not None
    assert (request.error.code, request.error.retry_after) == (Code.TOO_MANY_ADS, None)
    assert here.unfinished() == []


@pytest.mark.parametrize("which", [0, 1])
async def test_a_cancelled_request_leaves_its_place(which: int) -> None:
    here = places()
    requests = await started(here, ("a", 10), ("b", 10), ("c", 10))
    requests[which].task.cancel()
    await turns()
    assert requests[which].task.cancelled()
    assert inside(requests).count(True) == 1
    for request in requests:
        if not request.task.done():
            await request.finish()
    assert (here.ads, here.waiting, here.unfinished()) == (0, 0, [])


async def test_a_request_cancelled_in_the_turn_that_lets_it_in_leaves_its_place() -> None:
    here = places()
    first, second = await started(here, ("a", 10), ("b", 10))
    first._finish.set()
    await asyncio.sleep(0)  # the first has left, the second is let in and has not run yet
    assert here.ads == 10
    second.task.cancel()
    await turns()
    assert (here.ads, here.waiting, here.unfinished()) == (0, 0, [])


async def test_the_wait_is_told_by_how_fast_the_service_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    here = Places(10, 10, 100, 0.01, lambda: now)
    async with here.hold("a", 10):
        now = module.SPEED_S
    # 10 ads in 5 s; 90 are before it.
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(here.hold("a", 10))
        (request,) = await started(here, ("b", 10))
        await request.task
    assert request.error is not None
    assert request.error.retry_after == 5.0


async def test_what_is_unfinished_is_known_by_caller() -> None:
    here = places(total=10, per_caller=10)
    assert await here.idle(0)
    requests = await started(here, ("a", 3), ("a", 4), ("b", 2), ("b", 5))
    assert here.unfinished() == [Unfinished("a", 2, 7), Unfinished("b", 2, 7)]
    assert not await here.idle(0.01)
    for request in requests:
        await request.finish()
    assert await here.idle(0)
