"""The real openai package against the real application."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from docarray import DocList
from fastapi import FastAPI

from adjudicate.documents import Ad, Case, Decision, Finding, Match, Problem
from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError, ServiceError
from executors.gateway.access.asgi import HttpGuard
from executors.gateway.caller import Caller, Scope
from executors.gateway.door import Door
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.gateway.protocols.openai import OpenAiErrors
from executors.shared.policy import load_policy
from executors.shared.settings import GatewaySettings
from tests.gateway.protocols.rooms import FakeRooms

POLICY = load_policy(Path(__file__).resolve().parents[3] / "policies")
PICTURE = bytes(range(256))
DATA_URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


class Rooms(FakeRooms):
    """Rejects what cures, escalates what helps, cannot read what is broken; embeds by length."""

    async def review(self, ads: DocList[Ad]) -> DocList[Decision]:
        self._refuse()
        self.seen.extend(ads)
        return DocList[Decision](map(_decided, ads))

    async def post(self, endpoint: str, docs: Any, answers: Any, **options: Any) -> Any:
        if endpoint == "/embed":
            self._refuse()
            self.seen.extend(docs)
            return DocList[Case](map(_embedded, docs))
        async with self.door.enter(endpoint, len(docs)):
            return await super().post(endpoint, docs, answers, **options)


def _decided(ad: Ad) -> Decision:
    problem = ad.problem or (Problem(code=Code.AD_EMPTY, detail="empty") if _bare(ad) else None)
    if problem:
        return Decision(ad_id=ad.id, outcome="error", problem=problem)
    if "Cures" in ad.text:
        return Decision(
            id="decided",
            ad_id=ad.id,
            outcome="reject",
            rule="US-FTC",
            confidence=0.97,
            judged=True,
            reasons=["judged_violation"],
            matches=DocList[Match]([Match(exemplar_id="x", category="disease", similarity=0.8)]),
            findings=DocList[Finding](
                [Finding(rule="US-FTC", claim="Cures", verdict="violation", probability=0.97)]
            ),
            versions={"judge": "j1"},
        )
    if "Helps" in ad.text:
        return Decision(ad_id=ad.id, outcome="escalate", reasons=["uncertain"])
    return Decision(ad_id=ad.id, outcome="approve", reasons=["below_thresholds"])


def _embedded(ad: Ad) -> Case:
    problem = ad.problem or (Problem(code=Code.AD_EMPTY, detail="empty") if _bare(ad) else None)
    rows = np.eye(4, dtype=np.float32)[: 1 + len(ad.text) // 100]
    return Case(
        ad_id=ad.id,
        image_embedding=np.array([0.6, 0.8, 0, 0], np.float32) if ad.image else None,
        text_embedding=rows if ad.text else None,
        versions={"encoder": "clip-1"},
        problem=problem,
    )


def _bare(ad: Ad) -> bool:
    return not (ad.text or ad.image or ad.url)


class Keys:
    """An authenticator that knows two keys."""

    async def authenticate(self, credential: Any) -> Caller:
        if credential == "sk-review":
            return Caller("key:1", "one", frozenset({Scope.REVIEW}))
        if credential == "sk-admin":
            return Caller("key:2", "two", frozenset({Scope.ADMIN}))
        raise RequestError(Code.UNAUTHENTICATED)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def app(rooms: Rooms) -> FastAPI:
    api = Api(rooms, GatewaySettings(max_ads=20), lambda: POLICY)  # type: ignore[arg-type]
    return create_app(api, 100_000)


def client_of(app: Any, **options: Any) -> openai.AsyncOpenAI:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    known = {"api_key": "sk-review", "base_url": "http://test/v1", "max_retries": 0}
    return openai.AsyncOpenAI(
        http_client=httpx.AsyncClient(transport=transport), **{**known, **options}
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(OpenAiErrors(app)) as connected:
        yield connected


def scores(result: Any) -> dict[str, float]:
    found: dict[str, float] = result.category_scores.to_dict()
    return found


async def test_a_text_is_one_ad_with_the_policys_categories(client: openai.AsyncOpenAI) -> None:
    answer = await client.moderations.create(input="Cures diabetes", model="omni-moderation-latest")
    (result,) = answer.results
    assert (answer.id, answer.model, result.flagged) == ("modr-decided", "adjudicate", True)
    flags = result.categories.to_dict()
    assert set(flags) == set(scores(result)) == set(result.category_applied_input_types.to_dict())
    assert {name for name, flag in flags.items() if flag} == {"disease"}
    assert scores(result)["disease"] == 0.97
    assert result.category_applied_input_types.to_dict()["cure"] == ["text"]
    extra: Any = result.adjudicate  # type: ignore[attr-defined]
    assert (extra["decision_id"], extra["outcome"], extra["rule"]) == (
        *("decided", "reject", "US-FTC"),
    )
    assert extra["reasons"] == ["judged_violation"]
    assert extra["findings"][0]["claim"] == "Cures"
    assert extra["versions"] == {"judge": "j1"}


async def test_what_is_approved_is_not_flagged_and_what_people_must_see_is(
    client: openai.AsyncOpenAI,
) -> None:
    answer = await client.moderations.create(input=["New flavours", "Helps", "Cures all"])
    assert [result.flagged for result in answer.results] == [False, True, True]
    assert set(scores(answer.results[0]).values()) == {0.0}
    assert max(scores(answer.results[1]).values()) >= 0.5


async def test_a_list_of_parts_is_one_ad(client: openai.AsyncOpenAI, rooms: Rooms) -> None:
    answer = await client.moderations.create(
        input=[
            {"type": "text", "text": "Two lines,"},
            {"type": "image_url", "image_url": {"url": DATA_URL}},
            {"type": "text", "text": "one ad"},
        ]
    )
    (ad,) = rooms.seen
    assert (ad.text, ad.image, ad.url) == ("Two lines,\none ad", PICTURE, None)
    assert answer.results[0].category_applied_input_types.to_dict()["cure"] == ["text", "image"]


async def test_a_picture_may_come_as_a_url(client: openai.AsyncOpenAI, rooms: Rooms) -> None:
    url = "https://cdn.example.com/a.png"
    await client.moderations.create(input=[{"type": "image_url", "image_url": {"url": url}}])
    assert (rooms.seen[0].url, rooms.seen[0].image) == (url, None)


@pytest.mark.parametrize("where", ["extra_body", "metadata"])
async def test_market_product_and_language_are_said_beside_the_input(
    client: openai.AsyncOpenAI, rooms: Rooms, where: str
) -> None:
    fields = {"market": "US", "product": "food", "language": "en", "advertiser": "Acme"}
    body: dict[str, Any] = fields
    if where == "metadata":
        body = {"metadata": {**fields, "campaign": "spring"}}
    await client.moderations.create(input="tea", extra_body=body)
    ad = rooms.seen[0]
    assert (ad.market, ad.product, ad.language, ad.advertiser) == ("US", "food", "en", "Acme")
    assert ad.context == ({"campaign": "spring"} if where == "metadata" else {})


async def test_what_cannot_be_reviewed_is_an_error_and_never_not_flagged(
    client: openai.AsyncOpenAI,
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await client.moderations.create(input=["fine", "", "", "fine"])
    assert (refused.value.code, refused.value.param) == ("ad_empty", "input[1]")
    assert refused.value.body == {
        "message": "input[1]: empty (1 more of the request cannot be reviewed.)",
        "type": "invalid_request_error",
        "param": "input[1]",
        "code": "ad_empty",
    }
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await client.moderations.create(input="tea", extra_body={"market": "MARS"})
    assert (refused.value.code, refused.value.param) == ("invalid_field", "input")


IMAGE = {"type": "image_url", "image_url": {"url": DATA_URL}}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "malformed_request", "input"),
        ({"input": 7}, 400, "malformed_request", "input"),
        ({"input": []}, 422, "no_ads", "input"),
        ({"input": ["a", {"type": "text", "text": "b"}]}, 400, "malformed_request", "input[0]"),
        ({"input": [{"type": "audio"}]}, 400, "malformed_request", "input[0]"),
        ({"input": [{"type": "text", "text": 7}]}, 400, "malformed_request", "input[0].text"),
        (
            {"input": [{"type": "text", "text": "a", "txt": "b"}]},
            *(400, "malformed_request", "input[0]"),
        ),
        ({"input": [IMAGE, IMAGE]}, 400, "malformed_request", "input"),
        (
            {"input": [{"type": "image_url", "image_url": DATA_URL}]},
            *(400, "malformed_request", "input[0].image_url"),
        ),
        (
            {"input": [{"type": "image_url", "image_url": {"url": "data:image/png,raw"}}]},
            *(400, "malformed_request", "input[0].image_url.url"),
        ),
        (
            {"input": [{"type": "image_url", "image_url": {"url": "data:text/html;base64,AA"}}]},
            *(400, "malformed_request", "input[0].image_url.url"),
        ),
        (
            {"input": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}]},
            *(422, "image_base64", "input"),
        ),
        ({"input": "a", "metadata": {"market": 7}}, 400, "malformed_request", "metadata"),
        ({"input": "a", "model": 7}, 400, "malformed_request", "model"),
        ({"input": "a", "deadline_ms": "1"}, 400, "malformed_request", "deadline_ms"),
        ({"input": "a", "inptu": "b"}, 400, "malformed_request", None),
        ({"input": ["a"] * 21}, 413, "too_many_ads", None),
        ({"input": "a" * 100_000}, 413, "request_too_large", None),
    ],
)
async def test_a_wrong_moderation_is_refused_in_openais_shape_and_in_ours(
    app: FastAPI, body: Any, status: int, code: str, param: str | None
) -> None:
    transport = httpx.ASGITransport(OpenAiErrors(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answer = await http.post("/v1/moderations", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    told = answer.json()
    assert (told["code"], told["error"]["code"], told["error"]["param"]) == (code, code, param)
    assert told["error"]["message"] == told["detail"]
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    ("error", "raised", "kind"),
    [
        (RequestError(Code.UNAUTHENTICATED), openai.AuthenticationError, "authentication_error"),
        (RequestError(Code.FORBIDDEN), openai.PermissionDeniedError, "permission_error"),
        (RequestError(Code.NOT_FOUND), openai.NotFoundError, "not_found_error"),
        (RequestError(Code.RATE_LIMITED), openai.RateLimitError, "rate_limit_error"),
        (RequestError(Code.MALFORMED), openai.BadRequestError, "invalid_request_error"),
        (RequestError(Code.NO_ADS), openai.UnprocessableEntityError, "invalid_request_error"),
        (ServiceError(Code.ROOM_UNAVAILABLE), openai.InternalServerError, "server_error"),
        (ServiceError(Code.OVERLOADED), openai.InternalServerError, "server_error"),
        (ServiceError(Code.DEADLINE_EXCEEDED), openai.InternalServerError, "server_error"),
    ],
)
async def test_every_refusal_is_the_packages_own_exception_with_our_code(
    client: openai.AsyncOpenAI,
    rooms: Rooms,
    error: AdjudicateError,
    raised: type[openai.APIStatusError],
    kind: str,
) -> None:
    rooms.refusal = error
    for ask in (
        lambda: client.moderations.create(input="tea"),
        lambda: client.embeddings.create(input="tea", model="adjudicate"),
    ):
        with pytest.raises(raised) as refused:
            await ask()
        assert refused.value.status_code == STATUS[error.code].http
        assert (refused.value.code, refused.value.type) == (error.code, kind)


async def test_the_package_waits_as_long_as_we_say_and_tries_again(
    app: FastAPI, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        rooms.refusal = None

    monkeypatch.setattr("openai._base_client.anyio.sleep", sleep)
    rooms.refusal = RequestError(Code.RATE_LIMITED, retry_after=7)
    async with client_of(OpenAiErrors(app), max_retries=1) as client:
        answer = await client.moderations.create(input="tea")
    assert (answer.results[0].flagged, waited) == (False, [7.0])


@pytest.fixture
def guarded(app: FastAPI, rooms: Rooms) -> Any:
    """The application behind its guard, as the gateway serves it."""
    rooms.door = Door(None)
    return OpenAiErrors(HttpGuard(app, Keys()))  # type: ignore[arg-type]


async def test_the_packages_key_is_the_services_key(guarded: Any) -> None:
    async with client_of(guarded) as client:
        assert not (await client.moderations.create(input="tea")).results[0].flagged
    async with client_of(guarded, api_key="sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.moderations.create(input="tea")
        assert (refused.value.code, refused.value.type) == (
            "unauthenticated",
            "authentication_error",
        )


async def test_a_probe_lists_the_models_whatever_the_keys_scope(guarded: Any) -> None:
    async with client_of(guarded) as client:
        listed = await client.models.list()
        assert [model.id for model in listed.data] == ["adjudicate", "fake"]
        assert listed.to_dict()["models"] == []
        assert (await client.models.retrieve("fake")).owned_by == "adjudicate"
        with pytest.raises(openai.NotFoundError) as refused:
            await client.models.retrieve("gpt-4o")
        assert refused.value.code == "not_found"
    async with client_of(guarded, api_key="sk-admin") as client:
        found: Any = (await client.models.list()).to_dict()["models"]
        assert [model["id"] for model in found] == ["tiny"]


async def test_errors_of_other_routes_stay_as_they_are(guarded: Any) -> None:
    transport = httpx.ASGITransport(guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert "error" not in (await http.post("/v1/review", json={})).json()
        assert (await http.get("/v1/moderations")).json()["error"]["code"] == "unauthenticated"
        key = {"authorization": "Bearer sk-review"}
        told = (await http.get("/v1/moderations", headers=key)).json()
    assert told["error"]["code"] == "method_not_allowed"


async def test_the_package_reads_embeddings_of_its_default_format(
    client: openai.AsyncOpenAI,
) -> None:
    answer = await client.embeddings.create(input=["tea", "x" * 100], model="adjudicate")
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[0].embedding == [1, 0, 0, 0]
    # The mean of two windows, of unit norm again.
    half = pytest.approx(0.5**0.5)
    assert answer.data[1].embedding == [half, half, 0, 0]
    assert answer.model == "clip-1"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (26, 26)


async def test_numbers_and_base64_are_the_same_embedding(client: openai.AsyncOpenAI) -> None:
    asked: dict[str, Any] = {"input": "tea", "model": "clip-1", "dimensions": 4}
    numbers = await client.embeddings.create(**asked, encoding_format="float")
    packed = await client.embeddings.create(**asked, encoding_format="base64")
    content = base64.b64decode(str(packed.data[0].embedding))
    assert list(struct.unpack("<4f", content)) == numbers.data[0].embedding


async def test_tokens_are_refused_with_the_reason(client: openai.AsyncOpenAI) -> None:
    for tokens in ([1, 2, 3], [[1, 2], [3]]):
        with pytest.raises(openai.BadRequestError, match="tokens are not read"):
            await client.embeddings.create(input=tokens, model="adjudicate")  # type: ignore[arg-type]


@pytest.mark.parametrize("item", [{"image": DATA_URL}, IMAGE])
async def test_a_picture_is_embedded_too(
    client: openai.AsyncOpenAI, rooms: Rooms, item: Any
) -> None:
    answer = await client.embeddings.create(input=["tea", item], model="adjudicate")
    assert answer.data[1].embedding == pytest.approx([0.6, 0.8, 0, 0])
    assert rooms.seen[1].image == PICTURE


@pytest.mark.parametrize(
    ("asked", "status", "code", "param"),
    [
        ({"input": [1, 2, 3]}, 400, "malformed_request", "input[0]"),
        ({"input": [[1, 2], [3]]}, 400, "malformed_request", "input[0]"),
        ({"input": []}, 422, "no_ads", "input"),
        ({"input": ["tea", ""]}, 422, "ad_empty", "input[1]"),
        ({"input": "tea", "dimensions": 2}, 400, "malformed_request", "dimensions"),
        ({"input": "tea", "model": "text-embedding-3-small"}, 404, "not_found", "model"),
        ({"input": "tea", "encoding_format": "int8"}, 400, "malformed_request", "encoding_format"),
        ({"input": "tea", "extra_body": {"user": 7}}, 400, "malformed_request", "user"),
    ],
)
async def test_a_wrong_embedding_is_refused(
    client: openai.AsyncOpenAI, asked: dict[str, Any], status: int, code: str, param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await client.embeddings.create(**{"model": "adjudicate", **asked})
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (
        *(status, code, param),
    )
