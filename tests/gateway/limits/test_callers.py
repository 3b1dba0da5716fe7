"""What the door counts for whom, and how its refusals look on HTTP."""

from __future__ import annotations

import asyncio

import grpc
import httpx
import pytest
from pydantic import ValidationError

from adjudicate.errors import Code, ConfigurationError, RequestError, ServiceError
from executors.gateway.caller import SERVICE, Caller, Scope
from executors.gateway.door import Door
from executors.gateway.limits.budget import ByteBudget
from executors.gateway.limits.callers import CallerLimits, limits_of
from executors.gateway.limits.places import Places
from executors.gateway.limits.rates import Rates
from executors.shared.settings import GatewaySettings, LimitSettings
from tests.gateway.limits.gateway import running, until

ONE = Caller("key:one", "one", frozenset({Scope.ADMIN}))
OTHER = Caller("key:other", "other", frozenset({Scope.ADMIN}))


def limits(**settings: object) -> CallerLimits:
    return limits_of(LimitSettings.model_validate(settings), GatewaySettings(max_ads=1_000))


async def enter(limits: CallerLimits, caller: Caller, endpoint: str, ads: int) -> Code | None:
    try:
        async with limits.enter(caller, endpoint, ads):
            return None
    except (RequestError, ServiceError) as error:
        return error.code


async def test_only_endpoints_that_take_ads_cost_ads() -> None:
    here = limits(ads_per_minute=10, requests_per_minute=4)
    assert await enter(here, ONE, "/library/list", 500) is None
    assert await enter(here, ONE, "/review", 10) is None
    assert await enter(here, ONE, "/review", 1) is Code.RATE_LIMITED
    assert await enter(here, ONE, "/library/list", 1) is None
    assert await enter(here, ONE, "/library/list", 1) is Code.RATE_LIMITED
    assert await enter(here, OTHER, "/review", 10) is None


async def test_the_gateways_own_questions_cost_nothing() -> None:
    here = limits(requests_per_minute=1, ads_in_flight=1)
    async with here.enter(ONE, "/review", 1):
        for _ in range(3):
            assert await enter(here, SERVICE, "/status", 1) is None


async def test_by_default_rates_are_free_and_what_is_in_flight_is_bounded() -> None:
    here = limits()
    for _ in range(20):
        assert await enter(here, ONE, "/review", 1_000) is None


async def test_more_ads_than_one_request_may_have_are_told_so_and_cost_nothing() -> None:
    here = limits(ads_per_minute=2_000, requests_per_minute=1, ads_in_flight_per_caller=10)
    with pytest.raises(RequestError, match=r"too_many_ads: 1,001 ads .* the limit is 1,000\."):
        async with here.enter(ONE, "/review", 1_001):
            pass
    with pytest.raises(RequestError, match=r"too_many_ads: 11 ads .* for one key is 10\."):
        async with here.enter(OTHER, "/review", 11):
            pass
    assert await enter(here, ONE, "/review", 1) is None


async def test_a_request_that_asks_the_rooms_in_parts_is_one() -> None:
    here = limits(requests_per_minute=1, ads_in_flight=4)
    door = Door(ONE, None, here)

    async def part() -> None:
        async with door.enter("/review", 1):
            await asyncio.sleep(0)

    async with door.enter("/review", 4):
        await asyncio.gather(*(part() for _ in range(4)))


async def test_what_is_given_up_is_a_refusal_and_what_others_cancel_is_not() -> None:
    here = limits()

    async def work() -> Code | None:
        try:
            async with here.enter(ONE, "/review", 1):
                await asyncio.sleep(60)
        except ServiceError as error:
            return error.code
        return None

    given_up, cancelled = asyncio.ensure_future(work()), asyncio.ensure_future(work())
    await until(lambda: here._places.ads == 2)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    here.stop()
    assert await enter(here, ONE, "/review", 1) is Code.SHUTTING_DOWN
    assert await enter(here, SERVICE, "/status", 1) is Code.SHUTTING_DOWN
    assert [left.caller for left in await here.drained(0.01)] == ["key:one"]
    here.give_up()
    assert await given_up is Code.SHUTTING_DOWN
    assert await here.drained(0) == []


async def test_a_full_service_refuses_before_it_reads() -> None:
    async with running(ads_in_flight=4, ads_in_flight_per_caller=4, ads_waiting=0) as gateway:
        gateway.pool.open.clear()
        url = f"http://127.0.0.1:{gateway.ports['http']}"
        async with httpx.AsyncClient(base_url=url) as client:
            ads = {"ads": [{"text": text} for text in "abcd"]}
            first = asyncio.ensure_future(client.post("/v1/review", json=ads))
            await until(lambda: gateway.pool.asked == 4)

            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports["http"])
            writer.write(
                b"POST /v1/review HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n"  # and not a byte of it
            )
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: " in head
            writer.close()

            address = f"127.0.0.1:{gateway.ports['grpc']}"
            async with grpc.aio.insecure_channel(address) as channel:
                path = "/jina.JinaSingleDataRequestRPC/process_single_data"
                call = channel.stream_unary(path)()
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    async with asyncio.timeout(5):
                        await call
            assert caught.value.trailing_metadata()["adjudicate-code"] == "overloaded"

            gateway.pool.open.set()
            assert (await first).status_code == 200
            assert (await client.post("/v1/review", json=ads)).status_code == 200


async def test_a_request_whose_rate_was_being_counted_at_the_stop_is_not_let_in() -> None:
    counting, counted = asyncio.Event(), asyncio.Event()

    class Slow:
        async def take(self, *_: object) -> float:
            counting.set()
            await counted.wait()
            return 0.0

        async def close(self) -> None: ...

    settings = LimitSettings()
    places = Places(10, 10, 0, settings.wait_s)
    here = CallerLimits(10, Rates(Slow(), 1, None), places, ByteBudget(1))
    asked = asyncio.ensure_future(enter(here, ONE, "/review", 1))
    await counting.wait()
    here.stop()
    assert await here.drained(0) == []
    counted.set()
    assert await asked is Code.SHUTTING_DOWN


def test_a_rates_url_that_is_none_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"ADJUDICATE_LIMITS__RATES_URL: must be such as"):
        limits(rates_url="localhost")


@pytest.mark.parametrize("setting", ["requests_per_minute", "ads_in_flight", "body_s"])
def test_a_limit_of_nothing_is_refused(setting: str) -> None:
    with pytest.raises(ValidationError):
        LimitSettings.model_validate({setting: 0})
