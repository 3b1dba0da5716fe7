"""The JSON contract over rooms that answer in this process."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from docarray import DocList

from adjudicate.documents import Ad, Decision, Exemplar, Lookup, Problem, RoomStatus
from adjudicate.errors import Code, ServiceError
from executors.gateway.caller import OPEN
from executors.gateway.door import Door
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared.settings import GatewaySettings

JSON = {"content-type": "application/json"}


class FakeRooms:
    """Decides by the ad's text; `slow` ads take long, `down` ads find no room."""

    def __init__(self) -> None:
        self.door = Door(OPEN)
        self.messages: list[int] = []
        self.seen: list[Ad] = []

    async def review(self, ads: DocList[Ad]) -> DocList[Decision]:
        self.messages.append(len(ads))
        self.seen.extend(ads)
        if any(ad.text == "down" for ad in ads):
            raise ServiceError(Code.ROOM_UNAVAILABLE, "no answer")
        if any(ad.text == "slow" for ad in ads):
            await asyncio.sleep(5)
        return DocList[Decision](
            [Decision(ad_id=ad.id, outcome="approve", problem=ad.problem) for ad in ads]
        )

    async def status(self) -> list[RoomStatus]:
        return [RoomStatus(room="encoder"), RoomStatus(room="judge", ready=False)]

    async def post(self, endpoint: str, docs: Any, answers: Any, **_: Any) -> Any:
        if endpoint == "/decision":
            return DocList[Decision]([Decision(problem=Problem(code="not_found")) for _ in docs])
        if endpoint == "/library/remove":
            return DocList[Lookup]([Lookup(id=doc.id, found=False) for doc in docs])
        if endpoint == "/library/add":
            return docs
        return DocList[Exemplar]()


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


@pytest.fixture
def http(rooms: FakeRooms) -> httpx.AsyncClient:
    settings = GatewaySettings(max_ads=50, batch_ads=4)
    app = create_app(Api(rooms, settings), max_bytes=100_000)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_all_ads_of_a_post_come_back_in_order(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    ads = [{"id": f"ad-{n}", "text": "x"} for n in range(50)]
    answer = await http.post("/v1/review", json={"ads": ads})
    assert answer.status_code == 200
    assert [d["ad_id"] for d in answer.json()["decisions"]] == [ad["id"] for ad in ads]
    assert max(rooms.messages) == 4


async def test_a_wrong_ad_is_refused_alone(http: httpx.AsyncClient) -> None:
    ads: list[Any] = [
        {"text": "fine"},
        {"text": "x", "imgae": "AA=="},
        {"image": "%%%"},
        {"market": "MARS"},
        {"text": 7},
        "not an object",
        {"text": "fine too"},
    ]
    answer = await http.post("/v1/review", json={"ads": ads})
    codes = [(d["problem"] or {}).get("code") for d in answer.json()["decisions"]]
    wrong = ["unknown_field", "image_base64", "invalid_field", "invalid_field", "invalid_field"]
    assert codes == [None, *wrong, None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b'{"ads": {}}', 400, "malformed_request"),
        (b'{"ads": []}', 422, "no_ads"),
        (b'{"ads": [' + b"{}," * 50 + b"{}]}", 413, "too_many_ads"),
        (b'{"ads": [{"text": "' + b"x" * 100_000 + b'"}]}', 413, "request_too_large"),
        (b'{"ads": [{"text": "x"}], "deadline_ms": -1}', 400, "malformed_request"),
        (b'{"ads": [{"text": "down"}]}', 503, "room_unavailable"),
        (b'{"ads": [{"text": "slow"}], "deadline_ms": 50}', 504, "deadline_exceeded"),
    ],
)
async def test_a_refused_request_is_a_problem_document_with_its_code(
    http: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    answer = await http.post("/v1/review", content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["detail"]


async def test_a_body_without_a_length_is_refused_while_it_is_read(
    http: httpx.AsyncClient,
) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(1_000):
            sent += 1_000
            yield b"x" * 1_000

    answer = await http.post("/v1/review", content=endless(), headers=JSON)
    assert answer.json()["code"] == "request_too_large"
    assert sent < 200_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/decisions/nope"),
        ("GET", "/v1/library/nope"),
        ("DELETE", "/v1/library/nope"),
        ("GET", "/nowhere"),
    ],
)
async def test_what_is_not_there_is_404(http: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_wrong_query_is_a_problem_document(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/decisions", params={"limit": "many"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    answer = await http.get("/v1/decisions", params={"limit": 0})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_health_is_503_while_a_room_is_not_ready(http: httpx.AsyncClient) -> None:
    answer = await http.get("/health")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False


async def test_a_picture_comes_to_the_rooms_as_its_bytes(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    picture = bytes(range(256))
    await http.post(
        "/v1/review", json={"ads": [{"image": base64.b64encode(picture).decode(), "market": "CN"}]}
    )
    assert rooms.seen[0].image == picture
    assert rooms.seen[0].market == "CN"


async def test_an_exemplar_with_an_unknown_field_is_refused_alone(http: httpx.AsyncClient) -> None:
    exemplars = [{"text": "a", "category": "cure"}, {"txt": "b"}]
    answer = await http.post("/v1/library", json={"exemplars": exemplars})
    problems = [item["problem"] for item in answer.json()["exemplars"]]
    assert problems[0] is None
    assert problems[1]["code"] == "unknown_field"


async def test_the_openapi_document_is_there(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    assert {"/v1/review", "/v1/embed", "/v1/search", "/v1/library", "/health"} <= set(paths)
