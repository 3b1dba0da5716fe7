"""`/v1/stream`: one frame per decision, refusals as frames, a subprotocol for browsers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketTestSession

from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.limits.budget import ByteBudget
from executors.gateway.operations.api import Api
from executors.gateway.protocols.websocket import add_stream_route
from tests.gateway.protocols.rooms import FakeRooms

Frame = dict[str, Any]


@pytest.fixture
def client(api: Api) -> TestClient:
    """Of an application that has a route beside, as Jina's has."""
    app = FastAPI()

    @app.get("/")
    async def alive() -> Frame:
        return {}

    @app.get("/status")
    async def about_this_machine() -> Frame:
        return {"envs": "secret"}

    add_stream_route(app, api, ByteBudget(1_000_000))
    return TestClient(app)


@pytest.fixture
def socket(client: TestClient) -> Iterator[WebSocketTestSession]:
    with client.websocket_connect("/v1/stream") as opened:
        yield opened


def ask(socket: WebSocketTestSession, op: str, **body: Any) -> Frame:
    socket.send_json({"op": op, "request_id": "r", **body})
    frame: Frame = socket.receive_json()
    return frame


@pytest.mark.parametrize("count", [1, 1_000])
def test_all_ads_come_back_each_in_a_frame_and_then_the_end(
    socket: WebSocketTestSession, count: int
) -> None:
    ads = [{"id": f"ad-{n}", "text": "x"} for n in range(count)]
    socket.send_json({"op": "review", "request_id": 7, "ads": ads})
    frames = [socket.receive_json() for _ in range(count + 1)]
    assert frames[-1] == {"type": "end", "request_id": 7}
    assert {(f["index"], f["decision"]["ad_id"]) for f in frames[:-1]} == {
        (n, f"ad-{n}") for n in range(count)
    }


def test_requests_side_by_side_are_told_apart_by_their_ids(socket: WebSocketTestSession) -> None:
    socket.send_json({"op": "review", "request_id": "slow", "ads": [{"text": "slow"}]})
    socket.send_json({"op": "review", "request_id": "fast", "ads": [{"text": "x"}]})
    assert [socket.receive_json()["request_id"] for _ in range(2)] == ["fast", "fast"]


@pytest.mark.parametrize(
    ("op", "body", "within"),
    [
        ("embed", {"ads": [{"text": "x"}]}, "embeddings"),
        ("search", {"ads": [{"text": "x"}], "limit": 2}, "results"),
        ("rank", {"queries": [{"text": "x", "candidates": ["y"]}]}, "rankings"),
        ("classify", {"queries": [{"text": "x"}], "labels": ["y"]}, "rankings"),
        ("library.add", {"exemplars": [{"text": "x"}], "dry_run": True}, "exemplars"),
        ("library.held", {"hashes": ["known"]}, "exemplars"),
        ("library.list", {"limit": 2}, "exemplars"),
        ("library.get", {"id": "known"}, "image"),
        ("library.set", {"id": "known", "note": "x"}, "image"),
        ("library.remove", {"id": "known"}, "removed"),
        ("library.banks", {}, "banks"),
        ("library.bank", {"id": "main", "enabled": False}, "enabled"),
        ("library.changes", {}, "changes"),
        ("thresholds.list", {}, "thresholds"),
        ("thresholds.get", {"id": "known"}, "content"),
        ("thresholds.set", {"id": "known", "state": "shadow"}, "content"),
        ("models.list", {}, "models"),
        ("models.load", {"name": "known"}, "models"),
        ("decision", {"id": "known"}, "outcome"),
        ("decision.verdict", {"id": "known", "verdict": "upheld", "by": "mei"}, "outcome"),
        ("quality", {"hours": 2}, "drift"),
        ("quality.reference", {"note": "x", "by": "mei"}, "ads"),
        ("decisions", {"limit": 1}, "decisions"),
        ("status", {}, "rooms"),
    ],
)
def test_every_operation_of_http_is_one_of_the_stream(
    socket: WebSocketTestSession, op: str, body: Frame, within: str
) -> None:
    frame = ask(socket, op, **body)
    assert (frame["type"], frame["request_id"]) == ("result", "r")
    assert within in frame["body"]


@pytest.mark.parametrize(
    ("op", "body", "code"),
    [
        ("review", {"ads": []}, "no_ads"),
        ("review", {"ads": [{"text": "x"}] * 1_001}, "too_many_ads"),
        ("review", {"ads": [{"text": "x"}], "dedline_ms": 1}, "malformed_request"),
        ("review", {"ads": [{"text": "slow"}], "deadline_ms": 20}, "deadline_exceeded"),
        ("review", {"ads": [{"text": "broken"}]}, "internal"),
        ("library.set", {"id": "known", "colour": "red"}, "malformed_request"),
        ("library.get", {"id": 7}, "malformed_request"),
        ("library.get", {"id": "none"}, "not_found"),
        ("decision", {"id": "\0"}, "malformed_request"),
        ("decision.verdict", {"id": "none", "verdict": "upheld", "by": "mei"}, "not_found"),
        ("decision.verdict", {"id": "known", "said": "upheld"}, "malformed_request"),
        ("quality", {"hours": "soon"}, "malformed_request"),
        ("quality", {"hours": 0}, "invalid_field"),
        ("quality.reference", {"by": 7}, "invalid_field"),
        ("sing", {}, "malformed_request"),
    ],
)
def test_a_refusal_is_a_frame_with_its_code_and_the_connection_goes_on(
    socket: WebSocketTestSession, op: str, body: Frame, code: str
) -> None:
    frame = ask(socket, op, **body)
    assert (frame["type"], frame["request_id"], frame["code"]) == ("error", "r", code)
    assert frame["status"] >= 400
    assert frame["detail"]
    assert frame["title"]
    assert ask(socket, "status")["type"] == "result"


def test_a_frame_that_cannot_be_read_is_refused_without_an_id(
    socket: WebSocketTestSession,
) -> None:
    for frame in ("{", "[]", ""):
        socket.send_text(frame)
        refusal = socket.receive_json()
        assert (refusal["code"], refusal["request_id"]) == ("malformed_request", None)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RequestError(Code.RATE_LIMITED, retry_after=3.2), 4),
        (ServiceError(Code.OVERLOADED), 2),
        (RequestError(Code.FORBIDDEN), None),
    ],
)
def test_a_refusal_says_how_long_to_wait_where_waiting_helps(
    socket: WebSocketTestSession, rooms: FakeRooms, error: Any, wait: int | None
) -> None:
    rooms.refusal = error
    assert ask(socket, "decisions").get("retry_after") == wait


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["adjudicate.v1"], "adjudicate.v1"),
        (["graphql-ws", "adjudicate.v1"], "adjudicate.v1"),
        (["graphql-ws"], None),
        ([], None),
    ],
)
def test_the_subprotocol_is_chosen_where_it_is_offered(
    client: TestClient, offered: list[str], chosen: str | None
) -> None:
    with client.websocket_connect("/v1/stream", subprotocols=offered) as socket:
        assert socket.accepted_subprotocol == chosen
        assert ask(socket, "status")["type"] == "result"


def test_a_frame_counts_as_held_until_it_is_answered(api: Api) -> None:
    app, bodies = FastAPI(), ByteBudget(1_000_000)
    add_stream_route(app, api, bodies)
    with TestClient(app).websocket_connect("/v1/stream") as socket:
        socket.send_json({"op": "review", "ads": [{"text": "slow"}], "deadline_ms": 300})
        ask(socket, "status")
        assert bodies.used > 50
        assert socket.receive_json()["code"] == "deadline_exceeded"
    assert bodies.used == 0


def test_of_jinas_routes_only_the_one_for_its_clients_is_left(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    for path in ("/status", "/dry_run", "/docs", "/openapi.json", "/v1/stream"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
