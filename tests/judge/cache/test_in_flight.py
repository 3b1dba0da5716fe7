"""Identical work in flight is done once, and only its success is shared."""

import asyncio

import pytest

from executors.judge.cache.in_flight import InFlight


class Work:
    """Counts its runs; each ends when the test says so."""

    def __init__(self) -> None:
        self.runs: list[asyncio.Future[str]] = []

    async def __call__(self) -> str:
        self.runs.append(asyncio.get_running_loop().create_future())
        return await self.runs[-1]


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _asked(
    flight: InFlight[str], work: Work, count: int, key: str = "k"
) -> list[asyncio.Task[str]]:
    return [asyncio.ensure_future(flight.once(key, work)) for _ in range(count)]


async def test_followers_take_the_leaders_result() -> None:
    flight, work = InFlight[str](), Work()
    asked = _asked(flight, work, 5)
    await _settled()
    assert len(work.runs) == 1
    work.runs[0].set_result("done")
    assert await asyncio.gather(*asked) == ["done"] * 5
    assert flight.joined == 4


async def test_other_keys_and_later_askers_work_themselves() -> None:
    flight, work = InFlight[str](), Work()
    (one,) = _asked(flight, work, 1, "a")
    (other,) = _asked(flight, work, 1, "b")
    await _settled()
    assert len(work.runs) == 2
    work.runs[0].set_result("a")
    work.runs[1].set_result("b")
    assert (await one, await other) == ("a", "b")
    (again,) = _asked(flight, work, 1, "a")
    await _settled()
    work.runs[2].set_result("anew")
    assert await again == "anew"
    assert flight.joined == 0


async def test_a_leaders_failure_is_its_own_and_the_next_leads() -> None:
    flight, work = InFlight[str](), Work()
    first, *others = _asked(flight, work, 4)
    await _settled()
    work.runs[0].set_exception(RuntimeError("mine"))
    with pytest.raises(RuntimeError, match="mine"):
        await first
    await _settled()
    assert len(work.runs) == 2
    work.runs[1].set_result("done")
    assert await asyncio.gather(*others) == ["done"] * 3


async def test_a_cancelled_leader_cancels_nobody() -> None:
    flight, work = InFlight[str](), Work()
    first, *others = _asked(flight, work, 3)
    await _settled()
    first.cancel()
    await _settled()
    assert first.cancelled()
    assert len(work.runs) == 2
    work.runs[1].set_result("done")
    assert await asyncio.gather(*others) == ["done"] * 2


async def test_a_follower_that_gives_up_takes_nobody_with_it() -> None:
    flight, work = InFlight[str](), Work()
    leader, other = _asked(flight, work, 2)
    await _settled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await flight.once("k", work)
    work.runs[0].set_result("done")
    assert (await leader, await other) == ("done", "done")
    assert len(work.runs) == 1
