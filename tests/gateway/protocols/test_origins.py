"""Pages in a browser: which may ask, over HTTP and WebSocket."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from executors.gateway.protocols.origins import allow_origins

DESK, OTHER = "https://desk.example", "https://other.example"


def behind(app: Any, *origins: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(allow_origins(app, origins))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, authorization",
}


async def test_a_named_origins_preflight_is_answered_without_a_key(app: FastAPI) -> None:
    async with behind(app, DESK) as http:
        answer = await http.options("/v1/review", headers={"Origin": DESK, **PREFLIGHT})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == DESK
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        refused = await http.options("/v1/review", headers={"Origin": OTHER, **PREFLIGHT})
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers


async def test_a_named_origin_may_read_answers_and_refusals(app: FastAPI) -> None:
    async with behind(app, DESK) as http:
        answer = await http.get("/v1/decisions", headers={"Origin": DESK})
        assert answer.headers["access-control-allow-origin"] == DESK
        refusal = await http.get("/v1/decisions/none", headers={"Origin": DESK})
        assert refusal.status_code == 404
        assert refusal.headers["access-control-allow-origin"] == DESK
        assert "Retry-After" in refusal.headers["access-control-expose-headers"]
        other = await http.get("/v1/decisions", headers={"Origin": OTHER})
        assert "access-control-allow-origin" not in other.headers


async def test_without_the_setting_no_page_is_allowed_anything(app: FastAPI) -> None:
    assert allow_origins(app, ()) is app
    async with behind(app) as http:
        answer = await http.options("/v1/review", headers={"Origin": DESK, **PREFLIGHT})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def greeting() -> FastAPI:
    app = FastAPI()

    @app.websocket("/")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.headers.get("origin", "no origin"))

    return app


@pytest.mark.parametrize(
    ("named", "origin", "allowed"),
    [
        (DESK, DESK, True),
        (DESK, OTHER, False),
        (DESK, "null", False),
        (DESK, f"{DESK}.evil.example", False),
        (DESK, None, True),
        ("*", OTHER, True),
    ],
)
def test_a_websocket_of_another_origin_is_refused_before_it_opens(
    named: str, origin: str | None, allowed: bool
) -> None:
    client = TestClient(allow_origins(greeting(), (named,)))
    headers = {"Origin": origin} if origin else {}
    if allowed:
        with client.websocket_connect("/", headers=headers) as socket:
            assert socket.receive_text() == "no origin"
        return
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)) as refusal,
        client.websocket_connect("/", headers=headers),
    ):
        pass
    assert refusal.value.status_code == 403
    assert refusal.value.json()["code"] == "forbidden"
