"""Three transports, one behaviour."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adjudicate import (
    Ad,
    AsyncClient,
    AuthenticationError,
    Exemplar,
    RequestError,
    ServiceError,
    TooLargeError,
)
from adjudicate.content import content_hash
from adjudicate.documents import Problem
from adjudicate.errors import Code
from adjudicate.transports import parse_url
from adjudicate.transports.faults import fault, from_status, from_text
from adjudicate.transports.json import ads_body, with_ads
from tests.client.conftest import PROTOCOLS
from tests.client.fake import WEBSOCKET_BYTES, FakeServers, FakeService

PNG = b"\x89PNG\r\n\x1a\nrest"


def ads(count: int) -> list[Ad]:
    kinds = ("cures all", "maybe", "fine")
    return [Ad(id=f"ad-{n}", text=f"{kinds[n % 3]} {n}", image=PNG) for n in range(count)]


async def test_review_all_keeps_the_order_of_the_input(url: str) -> None:
    sent = ads(20)
    sent[0].text += " slow:0.3"  # its request is answered last
    async with AsyncClient(url, request_size=3) as client:
        decisions = await client.review_all(sent)
    assert [decision.ad_id for decision in decisions] == [f"ad-{n}" for n in range(20)]
    assert [d.outcome for d in decisions[:3]] == ["reject", "escalate", "approve"]
    assert decisions[0].findings[0].claim.startswith("cures all 0")
    assert decisions[0].matches[0].exemplar_id == "x1"


async def test_protocols_decide_identically(servers: FakeServers, service: FakeService) -> None:
    ad = Ad(id="a", text="cures all", traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
    answers = []
    for protocol in PROTOCOLS:
        async with AsyncClient(servers.urls[protocol]) as client:
            decision = (await client.review_all([ad]))[0]
        own_ids = {"id": True, "matches": {"__all__": {"id"}}, "findings": {"__all__": {"id"}}}
        answers.append(decision.model_dump(mode="json", exclude=own_ids))
    assert answers[0] == answers[1] == answers[2]


async def test_every_field_of_an_ad_arrives(url: str, service: FakeService) -> None:
    ad = Ad(
        id="广告 1",
        image=bytes(range(256)),
        text="药到病除",
        advertiser="某某",
        market="CN",
        product="drug",
        language="zh",
        context={"channel": "feed"},
        idempotency_key="order 7 ~!",
    )
    async with AsyncClient(url, timeout=30) as client:
        await client.review_all(ad)
    arrived = service.requests[0][0]
    assert arrived.deadline is not None
    assert arrived.traceparent is not None
    sent = ad.model_dump(exclude={"deadline", "traceparent"})
    assert arrived.model_dump(exclude={"deadline", "traceparent"}) == sent
    assert ad.deadline is None, "the caller's ad is not touched"


async def test_ads_of_one_id_stay_two(url: str) -> None:
    twins = [Ad(id="same", text="cures"), Ad(id="same", text="fine")]
    async with AsyncClient(url) as client:
        decisions = await client.review_all(twins)
    assert [decision.outcome for decision in decisions] == ["reject", "approve"]


async def test_an_ad_that_errs_leaves_the_others_alone(url: str) -> None:
    async with AsyncClient(url) as client:
        decisions = await client.review_all([Ad(id="empty"), Ad(id="good", text="fine")])
    assert decisions[0].outcome == "error"
    assert decisions[0].problem is not None
    assert decisions[0].problem.code == "ad_empty"
    assert decisions[1].outcome == "approve"


async def test_an_ad_that_could_not_be_parsed_is_decided_without_the_service(
    url: str, service: FakeService
) -> None:
    broken = Ad.parse({"id": "b", "image": "not base64!"})
    async with AsyncClient(url) as client:
        decisions = await client.review_all([broken, Ad(id="good", text="fine")])
    assert [decision.outcome for decision in decisions] == ["error", "approve"]
    assert decisions[0].problem is not None
    assert decisions[0].problem.code == Code.IMAGE_BASE64
    assert [ad.id for ad in service.requests[0]] == ["good"]


async def test_embed(url: str) -> None:
    async with AsyncClient(url, request_size=2) as client:
        both, text, none = await client.embed(
            [Ad(id="1", text="abc", image=PNG), Ad(id="2", text="abcd"), Ad(id="3")]
        )
    assert both.ad_id == "1"
    assert both.image is not None
    assert both.image.dtype == np.float32
    np.testing.assert_array_equal(both.image, np.float32([1 / 3, 2 / 3, 2 / 3]))
    assert text.image is None
    np.testing.assert_array_equal(text.text, np.float32([0.6, 0.8, 4 / 3]))
    assert none.problem is not None
    assert none.problem.code == "ad_empty"


async def test_search(url: str) -> None:
    async with AsyncClient(url, request_size=1) as client:
        results = await client.search([Ad(id="1", text="a"), Ad(id="2", text="b")], limit=3)
    assert [result.ad_id for result in results] == ["1", "2"]
    assert [match.exemplar_id for match in results[1].matches] == ["x0", "x1", "x2"]


async def test_library(url: str, service: FakeService) -> None:
    async with AsyncClient(url) as client:
        added = await client.library.add(
            [
                Exemplar(id="e/1", image=PNG, category="drug", rule="r"),
                Exemplar(id="e2", text="fine", category="food", polarity="lookalike"),
            ]
        )
        assert all(exemplar.added_at for exemplar in added)
        assert [e.id for e in await client.library.list()] == ["e/1", "e2"]
        assert [e.id for e in await client.library.list(category="food")] == ["e2"]
        assert [e.id for e in await client.library.list(polarity="violation")] == ["e/1"]
        assert [e.id for e in await client.library.list(limit=1, offset=1)] == ["e2"]
        got = await client.library.get("e/1")
        assert got.image == PNG
        await client.library.remove("e/1")
        assert list(service.exemplars) == ["e2"]
        for missing in (client.library.get("e/1"), client.library.remove("e/1")):
            with pytest.raises(RequestError) as caught:
                await missing
            assert caught.value.code is Code.NOT_FOUND


async def test_what_the_library_holds_is_asked_by_content(url: str, service: FakeService) -> None:
    async with AsyncClient(url) as client:
        held, _ = await client.library.add(
            [Exemplar(id="e1", image=PNG, text="x"), Exemplar(id="e2", text="y")]
        )
        assert held.content_hash == content_hash(PNG, "x")
        found = await client.library.held([held.content_hash, "0" * 64])
        assert {content: exemplar.id for content, exemplar in found.items()} == {
            held.content_hash: "e1"
        }
        (again,) = await client.library.add(Exemplar(id="e9", text="y"))
        assert again.repeats == "e2"
        (dry,) = await client.library.add(Exemplar(id="e3", text="z"), dry_run=True)
        assert dry.problem is None
    assert list(service.exemplars) == ["e1", "e2"]


async def test_exemplars_and_banks_are_switched_and_the_log_is_read(url: str) -> None:
    async with AsyncClient(url) as client:
        library = client.library
        await library.add([Exemplar(id="e/1", text="x"), Exemplar(id="e2", text="y", bank="b/1")])
        off = await library.set("e/1", enabled=False, note="too wide", by="ann", why="vitamins")
        assert (off.enabled, off.note) == (False, "too wide")
        bank = await library.switch_bank("b/1", False, by="bob", note="season")
        assert (bank.name, bank.enabled, bank.exemplars) == ("b/1", False, 1)
        assert [(b.name, b.enabled) for b in await library.banks()] == [
            ("b/1", False),
            ("main", True),
        ]
        assert [e.id for e in await library.list(bank="b/1")] == ["e2"]
        assert [e.id for e in await library.list(sort="id", after="e/1")] == ["e2"]
        said = [(c.by, c.note) for c in await library.changes("e/1")]
        assert said == [("ann", "vitamins")]
        assert [change.by for change in await library.changes()] == ["bob", "ann"]
        with pytest.raises(RequestError) as caught:
            await library.set("none", enabled=True)
        assert caught.value.code is Code.NOT_FOUND


async def test_recorded_decisions(url: str) -> None:
    async with AsyncClient(url) as client:
        made = (await client.review_all(Ad(id="a", text="cures")))[0]
        assert await client.decision(made.id or "") == made
        assert [decision.id for decision in await client.decisions(limit=5)] == [made.id]
        with pytest.raises(RequestError) as caught:
            await client.decision("none")
    assert caught.value.code is Code.NOT_FOUND


async def test_status_names_the_room_that_is_down(url: str, service: FakeService) -> None:
    service.room_down = "judge"
    async with AsyncClient(url, retries=0) as client:
        rooms = await client.status()
    assert {room.room: room.ready for room in rooms} == {
        "encoder": True,
        "library": True,
        "judge": False,
        "ledger": True,
    }


async def test_a_refused_request_is_said_with_its_code(url: str, service: FakeService) -> None:
    service.faults = [fault(Code.TOO_MANY_ADS, "at most 2 ads")]
    async with AsyncClient(url) as client:
        with pytest.raises(RequestError) as caught:
            await client.review_all(ads(3))
    assert caught.value.code is Code.TOO_MANY_ADS
    assert caught.value.detail == "at most 2 ads"


async def test_nothing_there_is_one_friendly_sentence(dead_url: str) -> None:
    async with AsyncClient(dead_url, retries=1) as client:
        with pytest.raises(ServiceError) as caught:
            await client.review_all(ads(1))
    assert caught.value.code is Code.ROOM_UNAVAILABLE
    assert dead_url in caught.value.detail
    assert "adjudicate up" in caught.value.detail


async def test_an_answer_with_a_decision_too_few_is_an_error(
    url: str, service: FakeService
) -> None:
    service.lose = 1
    async with AsyncClient(url) as client:
        with pytest.raises(ServiceError) as caught:
            await client.review_all(ads(3))
    assert caught.value.code is Code.INTERNAL


async def test_headers_are_sent(url: str, service: FakeService) -> None:
    async with AsyncClient(url, headers={"Authorization": "Bearer t"}) as client:
        await client.review_all(ads(1))
    sent = {name.lower(): value for name, value in service.headers[-1].items()}
    assert sent["authorization"] == "Bearer t"


async def test_a_client_can_be_closed_and_used_again(url: str) -> None:
    client = AsyncClient(url)
    await client.review_all(ads(1))
    await client.close()
    assert len(await client.review_all(ads(2))) == 2
    await client.close()


async def test_a_websocket_that_breaks_half_way_loses_and_repeats_nothing(
    servers: FakeServers, service: FakeService
) -> None:
    service.drop_after = 2
    async with AsyncClient(servers.urls["ws"], request_size=5) as client:
        decisions = [decision async for decision in client.review(ads(5))]
    assert sorted(decision.ad_id for decision in decisions) == [f"ad-{n}" for n in range(5)]
    assert [len(request) for request in service.requests] == [5, 3]


async def test_a_websocket_that_is_closed_with_a_code_says_it(
    servers: FakeServers, service: FakeService
) -> None:
    service.drop_after, service.close_reason = 1, "unauthenticated: the key has expired"
    async with AsyncClient(servers.urls["ws"], retries=5) as client:
        with pytest.raises(AuthenticationError, match="the key has expired"):
            await client.review_all(ads(3))
    assert len(service.requests) == 1, "it is not tried again"


async def test_a_frame_that_the_service_does_not_take_is_a_request_too_large(
    servers: FakeServers, service: FakeService
) -> None:
    async with AsyncClient(servers.urls["ws"], retries=5) as client:
        with pytest.raises(TooLargeError):
            await client.review_all(Ad(image=bytes(WEBSOCKET_BYTES)))
    assert len(service.headers) == 1, "it is not tried again"


@pytest.mark.parametrize("body", [{}, {"op": "review", "request_id": "1"}])
def test_pictures_are_put_into_the_json_as_an_encoder_would(body: dict[str, str]) -> None:
    sent = [Ad(image=bytes(range(256)), text='"药"\ud800', context={"a": "b"}), Ad(), Ad(image=b"")]
    assert json.loads(with_ads(body, sent)) == {**body, **ads_body(sent)}


@pytest.mark.parametrize("url", ["", "localhost:51000", "ftp://host", "grpc://", "http://h:port"])
def test_a_wrong_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="expected grpc://, http:// or ws://"):
        AsyncClient(url)


def test_addresses() -> None:
    assert parse_url("grpc://localhost").target == "localhost:51000"
    assert parse_url("https://ads.example/base/").path == "/base"
    assert parse_url("wss://ads.example").port == 443
    assert parse_url("grpc://[::1]:1").target == "[::1]:1"


def test_faults_are_told_apart_by_code_and_status() -> None:
    assert from_text("not a code: at all") is None
    assert from_text("") is None
    said = from_text("deadline_exceeded: late: very")
    assert isinstance(said, ServiceError)
    assert said.detail == "late: very"
    assert from_status(503, None).code is Code.ROOM_UNAVAILABLE
    assert from_status(504, None).code is Code.DEADLINE_EXCEEDED
    assert from_status(401, {"title": "Who are you?"}).detail == "Who are you?"
    assert isinstance(from_status(418, "tea"), RequestError)
    assert isinstance(from_status(500, []), ServiceError)
    assert from_status(422, {"code": "no_ads", "detail": "none"}).code is Code.NO_ADS
    assert Problem(code="x").detail == ""
