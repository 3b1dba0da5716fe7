"""What is sent again, how long after, and that it is the same request then."""

from __future__ import annotations

import time

import pytest

from adjudicate import (
    Ad,
    AsyncClient,
    DeadlineError,
    OverloadedError,
    RateLimitError,
    ServiceError,
    UnavailableError,
)
from adjudicate.errors import Code, fault
from adjudicate.transports.faults import from_status, seconds_to_wait
from tests.client.fake import FakeServers, FakeService

NEVER = [
    code
    for code in Code
    if code not in (Code.ROOM_UNAVAILABLE, Code.SHUTTING_DOWN, Code.RATE_LIMITED, Code.OVERLOADED)
]


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.OVERLOADED, Code.SHUTTING_DOWN])
async def test_the_services_word_on_waiting_is_kept_on_every_protocol(
    url: str, service: FakeService, waits: list[float], code: Code
) -> None:
    service.faults = [fault(code, "later", retry_after=3), fault(code, "later", retry_after=7)]
    async with AsyncClient(url, retries=2) as client:
        (decision,) = await client.review_all(Ad(text="fine"))
    assert decision.outcome == "approve"
    assert 3 <= waits[0] <= 3.75
    assert 7 <= waits[1] <= 8.75


async def test_a_longer_wait_than_the_deadline_allows_is_final_at_once(
    url: str, service: FakeService, waits: list[float]
) -> None:
    service.faults = [fault(Code.RATE_LIMITED, "per day", retry_after=3600)]
    async with AsyncClient(url, timeout=30, retries=5) as client:
        with pytest.raises(RateLimitError, match="per day") as caught:
            await client.review_all(Ad(text="fine"))
    assert caught.value.retry_after == 3600
    assert waits == []


@pytest.mark.parametrize("code", NEVER)
async def test_no_other_refusal_is_repeated(
    servers: FakeServers, service: FakeService, waits: list[float], code: Code
) -> None:
    service.faults = [fault(code), fault(code)]
    async with AsyncClient(servers.urls["http"], retries=5) as client:
        with pytest.raises(type(fault(code))) as caught:
            await client.review_all(Ad(text="fine"))
    assert caught.value.code is code
    assert len(service.faults) == 1
    assert waits == []


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.OVERLOADED])
async def test_what_was_turned_away_at_the_door_is_repeated_even_where_a_repeat_is_not_safe(
    servers: FakeServers, service: FakeService, waits: list[float], code: Code
) -> None:
    service.faults = [fault(code), fault(Code.ROOM_UNAVAILABLE, "half way")]
    async with AsyncClient(servers.urls["http"], retries=5) as client:
        with pytest.raises(UnavailableError, match="half way"):
            await client.library.remove("e")
    assert len(waits) == 1


async def test_an_ad_has_the_same_key_however_often_it_is_sent(
    url: str, service: FakeService, waits: list[float]
) -> None:
    service.lost = 2
    ads = [Ad(text="fine"), Ad(text="fine", idempotency_key="mine"), Ad(text="fine")]
    async with AsyncClient(url, retries=3) as client:
        await client.review_all(ads)
        await client.review_all(ads)
    first, second, third, later = (
        [ad.idempotency_key for ad in request] for request in service.requests
    )
    assert first == second == third
    assert first[1] == later[1] == "mine"
    assert len({*first, *later}) == 5, "every other is a key of its own, each time"
    assert ads[0].idempotency_key is None, "the caller's ad is not touched"


async def test_waits_without_the_services_word_grow_and_differ(
    servers: FakeServers, service: FakeService, waits: list[float]
) -> None:
    service.faults = [fault(Code.ROOM_UNAVAILABLE)] * 8
    async with AsyncClient(servers.urls["http"], retries=8) as client:
        await client.review_all(Ad(text="fine"))
    assert len(set(waits)) == 8
    assert all(0 <= wait <= min(5, 0.2 * 2**n) for n, wait in enumerate(waits))


async def test_when_the_time_is_over_the_services_last_word_is_raised(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.client.GRACE_S", 0.1)
    service.faults = [fault(Code.OVERLOADED, "full", retry_after=0.1)] * 50
    async with AsyncClient(servers.urls["http"], timeout=1, retries=100) as client:
        with pytest.raises(OverloadedError, match="full"):
            await client.review_all(Ad(text="fine"))


async def test_a_deadline_ends_the_waiting_on_every_protocol(
    url: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.client.GRACE_S", 0.1)
    async with AsyncClient(url, timeout=0.5) as client:
        with pytest.raises(DeadlineError, match=r"within 0\.5 s"):
            await client.review_all(Ad(text="slow:2"))
        assert len(await client.status()) == 4, "the connection is none the worse"


async def test_a_deadline_of_an_ad_s_own_is_sent_as_it_is(url: str, service: FakeService) -> None:
    until = time.time() + 900
    async with AsyncClient(url, timeout=5) as client:
        await client.review_all([Ad(text="fine", deadline=until), Ad(text="fine")])
    own, requests = (ad.deadline for ad in service.requests[0])
    assert own == until
    assert requests is not None
    assert requests < until - 800


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds_to_wait("2") == 2
    assert seconds_to_wait(1.5) == 1.5
    assert seconds_to_wait("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    soon = seconds_to_wait(
        time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
    )
    assert soon is not None
    assert 80 < soon <= 90
    for nothing in (None, "", "soon", "-1", "nan", "inf", True, [1]):
        assert seconds_to_wait(nothing) is None, nothing


def test_the_header_counts_before_the_body() -> None:
    body = {"code": "overloaded", "detail": "full", "retry_after": 9}
    assert from_status(503, body, {"retry-after": "4"}).retry_after == 4
    error = from_status(503, body)
    assert isinstance(error, ServiceError)
    assert error.retry_after == 9
