"""Requests and ads per minute: what is counted, when there is room again, and a Redis that goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace

import limits.aio.storage.memory as memory
import pytest
from limits.aio.storage import MemoryStorage
from redis.exceptions import ConnectionError as RedisAway

from adjudicate.errors import AdjudicateError, Code
from executors.gateway.limits import counters
from executors.gateway.limits.counters import SharedCounter, WindowCounter, counter, seconds_until
from executors.gateway.limits.rates import Rates
from tests.services.redis import NoRedis, RedisServer, running_redis


class Clock:
    def __init__(self) -> None:
        self.now = 1_200_000.0  # the start of a window

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the storage in memory takes for the time."""
    clock = Clock()
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=clock))
    return clock


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    try:
        with running_redis() as running:
            yield running
    except NoRedis as reason:
        pytest.skip(str(reason))


def rates(requests: int | None = None, ads: int | None = None) -> Rates:
    return Rates(WindowCounter(MemoryStorage()), requests, ads)


async def refused(rates: Rates, caller: str, ads: int) -> AdjudicateError | None:
    try:
        await rates.spend(caller, ads)
    except AdjudicateError as error:
        return error
    return None


async def test_without_rates_nothing_is_counted() -> None:
    class Never:
        async def take(self, *_: object) -> float:
            raise AssertionError("counted")

        async def close(self) -> None: ...

    assert await refused(Rates(Never(), None, None), "a", 1_000_000) is None


async def test_a_caller_has_its_own_minute_and_is_told_when_it_has_more(clock: Clock) -> None:
    own = rates(requests=3)
    assert [await refused(own, "a", 1) for _ in range(3)] == [None, None, None]
    error = await refused(own, "a", 1)
    assert error is not None
    assert error.code is Code.RATE_LIMITED
    assert error.retry_after is not None
    assert await refused(own, "b", 1) is None
    clock.now += error.retry_after - 2
    assert await refused(own, "a", 1) is not None
    clock.now += 2
    assert await refused(own, "a", 1) is None


async def test_a_request_of_a_thousand_ads_is_one_request_and_a_thousand_ads(clock: Clock) -> None:
    own = rates(requests=3, ads=1_500)
    assert await refused(own, "a", 1_000) is None
    error = await refused(own, "a", 1_000)
    assert error is not None
    assert error.code is Code.RATE_LIMITED
    assert "1,500 ads" in error.detail
    assert await refused(own, "a", 500) is None
    error = await refused(own, "a", 0)
    assert error is not None
    assert "3 requests" in error.detail


async def test_a_request_that_no_minute_has_room_for_is_not_told_to_wait(clock: Clock) -> None:
    own = rates(requests=1, ads=100)
    error = await refused(own, "a", 101)
    assert error is not None
    assert error.code is Code.TOO_MANY_ADS
    assert error.retry_after is None
    assert await refused(own, "a", 100) is None


@pytest.mark.parametrize("used", [(0, 1), (40, 60), (100, 0), (100, 20), (90, 95), (1, 100)])
@pytest.mark.parametrize("into", [0.0, 1.5, 30.0, 59.0])
@pytest.mark.parametrize("cost", [1, 37, 100])
async def test_after_the_time_that_it_is_told_a_request_fits(
    clock: Clock, used: tuple[int, int], into: float, cost: int
) -> None:
    counts = WindowCounter(MemoryStorage())
    before, now = used
    if before:
        await counts.take("ads", "a", 100, before)
    clock.now += 60
    if now:
        await counts.take("ads", "a", 10_000, now)  # another limit is another count
        item = counters.RateLimitItemPerMinute(100, namespace="adjudicate/ads")
        storage = counts._storage
        assert isinstance(storage, MemoryStorage)
        _, current = storage.sliding_window_keys(item.key_for("a"), 60, clock.now)
        await storage.incr(current, 120, now)
    clock.now += into
    wait = await counts.take("ads", "a", 100, cost)
    if wait > 0:
        clock.now += wait + 1e-6
        assert await counts.take("ads", "a", 100, cost) == 0


def test_the_wait_is_no_longer_than_it_need_be() -> None:
    # 60 were counted in the minute before, which counts for 30 more seconds: 30 of 100 now.
    assert seconds_until(60, 30.0, 80, 90.0, room=90) == pytest.approx(19, abs=0.01)
    # Nothing fits beside this minute's own: until its end, and until less than 91 of it count.
    assert seconds_until(0, 0.0, 100, 90.0, room=90) == pytest.approx(35.4, abs=0.01)


async def test_gateways_share_what_a_redis_counts(server: RedisServer) -> None:
    server.empty()
    one, other = (Rates(counter(server.url, 1.0), 3, None) for _ in range(2))
    assert [await refused(one, "a", 1), await refused(other, "a", 1)] == [None, None]
    assert await refused(other, "a", 1) is None
    error = await refused(one, "a", 1)
    assert error is not None
    assert error.retry_after is not None
    assert 1 <= error.retry_after <= 120
    await one.close()
    await other.close()


async def test_more_requests_at_a_time_than_connections_are_all_counted_there(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.empty()
    own = Rates(counter(server.url, 5.0), 300, None)
    answers = await asyncio.gather(*(refused(own, "a", 1) for _ in range(310)))
    assert answers.count(None) == 300
    assert "away" not in caplog.text
    await own.close()


async def test_a_redis_that_dies_or_hangs_holds_no_request_up_and_limits_stay(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.empty()
    counts = counter(server.url, 0.1)
    own = Rates(counts, 3, None)
    assert await refused(own, "a", 1) is None
    server.freeze()
    try:
        async with asyncio.timeout(5):  # gRPC's and HTTP's own patience is longer
            answers = [await refused(own, "a", 1) for _ in range(50)]
    finally:
        server.thaw()
    assert answers[:3] == [None, None, None]
    assert all(error is not None and error.code is Code.RATE_LIMITED for error in answers[3:])
    assert caplog.text.count("counting in this process") == 1
    await own.close()


async def test_a_redis_that_is_away_is_asked_again_by_one_request_at_a_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Shared:
        away = True
        asked = 0

        async def take(self, name: str, caller: str, limit: int, cost: int) -> float:
            self.asked += 1
            await asyncio.sleep(0)
            if self.away:
                raise RedisAway("refused")
            return 0.0

        async def close(self) -> None: ...

    clock = Clock()
    shared = Shared()
    counts = SharedCounter(shared, WindowCounter(MemoryStorage()), clock)

    async def ten() -> list[float]:
        return await asyncio.gather(*(counts.take("ads", "a", 1_000, 1) for _ in range(10)))

    await counts.take("ads", "a", 1_000, 1)
    assert shared.asked == 1
    assert await ten() == [0.0] * 10
    assert shared.asked == 1
    clock.now += counters.RETRY_S
    await ten()
    assert shared.asked == 2
    clock.now += counters.RETRY_S
    shared.away = False
    await ten()
    assert shared.asked == 3
    await ten()
    assert shared.asked == 13
    told = caplog.text
    assert told.count("is away") == told.count("is back") == 1


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis"])
def test_what_is_no_url_of_a_redis_is_said(url: str) -> None:
    with pytest.raises(ValueError, match="redis://"):
        counter(url, 1.0)
