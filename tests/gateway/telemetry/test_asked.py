"""Every request counts once, whatever its protocol and whoever answers or refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import pytest
from docarray import DocList
from fastapi import FastAPI
from jina.types.request.data import DataRequest
from starlette.testclient import TestClient

from adjudicate.documents import Decision, Problem
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.caller import CALLER, OPEN, Caller, Scope
from executors.gateway.door import Door
from executors.gateway.limits.budget import ByteBudget
from executors.gateway.operations.api import Api
from executors.gateway.protocols.counted import Counted
from executors.gateway.protocols.grpc_status import abort
from executors.gateway.protocols.websocket import add_stream_route
from executors.gateway.routing.counting import count_decided
from executors.gateway.telemetry.asked import ASKED, asked
from executors.shared.telemetry.catalogue import ADS, REQUEST_SECONDS, REQUESTS, STAGE_SECONDS
from tests.gateway.protocols.conftest import api, app, rooms
from tests.gateway.protocols.rooms import FakeRooms
from tests.telemetry.recorded import Since, recording

__all__ = ["api", "app", "rooms"]

Row = tuple[str, str, str]


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


class Requests:
    """The requests that were counted since this was made, as (protocol, endpoint, code)."""

    def __init__(self) -> None:
        self._counted, self._timed = Since(REQUESTS), Since(REQUEST_SECONDS)

    def rows(self) -> dict[Row, float]:
        found = {}
        for key, count in self._counted.counts().items():
            values = dict(key)
            found[values["protocol"], values["endpoint"], values["code"]] = count
        assert sum(self._timed.counts().values()) == sum(found.values())
        return found


@pytest.fixture
def counted() -> Requests:
    return Requests()


@pytest.fixture
def http(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Counted(app), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def ads(*texts: str) -> dict[str, Any]:
    return {"ads": [{"text": text} for text in texts]}


async def test_an_http_request_counts_with_its_endpoint_and_code(
    http: httpx.AsyncClient, rooms: FakeRooms, counted: Requests
) -> None:
    await http.post("/v1/review", json=ads("x", "y"))
    await http.post("/v1/review", json=ads())
    await http.post("/v1/review", json=ads("down"))
    await http.post("/v1/review", json=ads("broken"))
    await http.post("/v1/review", content=b"{", headers={"Content-Type": "application/json"})
    await http.get("/v1/nowhere")
    await http.put("/v1/review")
    assert counted.rows() == {
        ("http", "/review", "ok"): 1,
        ("http", "none", "no_ads"): 1,
        ("http", "/review", "room_unavailable"): 1,
        ("http", "/review", "internal"): 1,
        ("http", "none", "malformed_request"): 1,
        ("http", "none", "not_found"): 1,
        ("http", "none", "method_not_allowed"): 1,
    }


@pytest.mark.parametrize("path", ["/health", "/", "/docs", "/openapi.json", "/docs/assets/x.js"])
async def test_probes_and_pages_are_no_requests(
    http: httpx.AsyncClient, counted: Requests, path: str
) -> None:
    await http.get(path)
    assert counted.rows() == {}


def test_each_frame_of_a_websocket_is_a_request(api: Api, counted: Requests) -> None:
    app = FastAPI()
    add_stream_route(app, api, ByteBudget(1_000_000))
    with TestClient(app).websocket_connect("/v1/stream") as socket:
        for body in ({"op": "review", **ads("x", "y")}, {"op": "dance"}, {"op": "review"}):
            socket.send_json({"request_id": 1, **body})
            while socket.receive_json()["type"] not in ("end", "error"):
                pass
        socket.send_json({"request_id": 1, "op": "review", **ads("broken")})
        assert socket.receive_json()["code"] == "internal"
    assert counted.rows() == {
        ("ws", "/review", "ok"): 1,
        ("ws", "none", "malformed_request"): 2,
        ("ws", "/review", "internal"): 1,
    }


async def test_a_grpc_call_that_is_refused_counts(counted: Requests) -> None:
    class Context(SimpleNamespace):
        async def abort(self, *_: Any, **__: Any) -> None:
            raise grpc.aio.AbortError

    with pytest.raises(grpc.aio.AbortError):
        await abort(Context(), RequestError(Code.UNAUTHENTICATED))
    assert counted.rows() == {("grpc", "none", "unauthenticated"): 1}


async def test_one_that_is_cancelled_has_no_answer_and_does_not_count(counted: Requests) -> None:
    async def wait() -> None:
        with asked("grpc"):
            await asyncio.sleep(3_600)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert counted.rows() == {}
    assert ASKED.get() is None


async def test_the_first_step_of_a_request_is_its_endpoint_and_strangers_names_are_none(
    counted: Requests,
) -> None:
    door = Door(OPEN)
    with asked("grpc") as request:
        async with door.enter("/embed", 1):
            pass
        async with door.enter("/review", 1):
            pass
    assert request.caller == OPEN.id
    for number in range(300):
        with asked("grpc"):
            async with door.enter(f"/made/up/{number}", 1):
                pass
    assert counted.rows() == {("grpc", "/embed", "ok"): 1, ("grpc", "unknown", "ok"): 300}


async def test_who_may_not_counts_with_the_endpoint(counted: Requests) -> None:
    CALLER.set(Caller("key:1", "one", frozenset({Scope.REVIEW})))
    with pytest.raises(RequestError), asked("http"):
        async with Door(None).enter("/library/add", 1):
            pass
    assert counted.rows() == {("http", "/library/add", "forbidden"): 1}


def answer(*decisions: Decision) -> DataRequest:
    made = DataRequest()
    made.document_array_cls = DocList[Decision]
    made.data.docs = DocList[Decision](decisions)
    return DataRequest(made.proto)


def test_decisions_count_by_outcome_and_an_ads_problem_by_its_code() -> None:
    ads_counted, stages = Since(ADS), Since(STAGE_SECONDS)
    problem = Problem(code=Code.IMAGE_EMPTY)
    decided = answer(
        Decision(outcome="approve", timings={"gateway": 3.0, "gateway.judge": 1.0, "judge": 9.0}),
        Decision(outcome="approve"),
        Decision(outcome="reject", reasons=["violation"]),
        Decision(outcome="error", reasons=[Code.IMAGE_EMPTY], problem=problem),
    )
    with asked("ws"):
        count_decided(decided)
    assert ads_counted.of(protocol="ws", outcome="approve", code="ok") == 2
    assert ads_counted.of(protocol="ws", outcome="reject", code="ok") == 1
    assert ads_counted.of(protocol="ws", outcome="error", code="image_empty") == 1
    assert {dict(key)["stage"] for key in stages.counts()} == {"gateway", "gateway.judge"}


def test_what_the_gateway_asks_on_its_own_is_no_ad() -> None:
    ads_counted = Since(ADS)
    count_decided(answer(Decision(outcome="approve")))
    assert ads_counted.counts() == {}


def test_an_error_without_a_reason_counts_as_other() -> None:
    ads_counted = Since(ADS)
    with asked("http"):
        count_decided(answer(Decision(outcome="error")))
    assert ads_counted.of(outcome="error", code="other") == 1


async def test_a_service_error_is_counted_by_its_code_on_the_way_out(counted: Requests) -> None:
    with pytest.raises(ServiceError), asked("grpc"):
        raise ServiceError(Code.OVERLOADED)
    with pytest.raises(KeyError), asked("grpc"):
        raise KeyError
    assert counted.rows() == {("grpc", "none", "overloaded"): 1, ("grpc", "none", "internal"): 1}
