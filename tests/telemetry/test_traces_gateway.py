"""The gateway: whose trace a request is, which span is above an ad, and what errors say of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from docarray import DocList
from fastapi import FastAPI
from jina.types.request.data import DataRequest
from opentelemetry import trace

from adjudicate.documents import Ad, Decision, Lookup
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.protocols.problems import install_problems
from executors.gateway.protocols.traced import Traced, TracedRoute
from executors.gateway.routing.pictures import documents
from executors.gateway.routing.rooms import refusal
from executors.gateway.routing.tracing import traced
from executors.gateway.telemetry.tracing import anew, known_by, request_span
from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.spans import Form, OpenSpan
from executors.shared.telemetry.tracing import current_trace_id
from tests.telemetry.kept import Kept, keeping, traceparent

FORM = Form("gateway/review")


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Every span of the process."""
    with keeping() as spans:
        yield spans


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A small application as the gateway's stands behind `Traced`."""
    app = FastAPI()
    app.router.route_class = TracedRoute
    install_problems(app)

    @app.get("/v1/things/{name}")
    async def thing(name: str) -> dict[str, str]:
        if name == "down":
            raise ServiceError(Code.ROOM_UNAVAILABLE)
        if name == "private":
            raise RequestError(Code.UNAUTHENTICATED)
        return {"trace_id": current_trace_id()}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"trace_id": current_trace_id()}

    transport = httpx.ASGITransport(Traced(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_request_continues_its_callers_trace(http: httpx.AsyncClient, kept: Kept) -> None:
    answer = await http.get("/v1/things/secret-name", headers={"traceparent": traceparent(0xAB)})
    span = kept.one("GET /v1/things/{name}")
    assert answer.json() == {"trace_id": f"{0xAB:032x}"}
    assert span.parent == traceparent(0xAB)
    assert span.attributes == {"http.route": "/v1/things/{name}", "http.response.status_code": 200}
    assert b"http.request.method" in span.form.packed
    assert not span.failed


async def test_without_one_a_trace_begins_with_the_request(
    http: httpx.AsyncClient, kept: Kept
) -> None:
    for headers in ({}, {"traceparent": "garbage"}):
        answer = await http.get("/v1/things/one", headers=headers)
        span = kept.spans.pop()
        assert span.parent is None
        assert answer.json()["trace_id"] == w3c.trace_id(span.traceparent)


async def test_probes_and_unsampled_requests_have_an_id_and_no_span(
    http: httpx.AsyncClient, kept: Kept
) -> None:
    probe = await http.get("/health")
    asked = traceparent(5, sampled=False)
    unsampled = await http.get("/v1/things/one", headers={"traceparent": asked})
    assert len(probe.json()["trace_id"]) == 32
    assert unsampled.json()["trace_id"] == w3c.trace_id(asked)
    assert kept.spans == []


async def test_an_error_says_its_trace_and_the_span_its_code(
    http: httpx.AsyncClient, kept: Kept
) -> None:
    headers = {"traceparent": traceparent(9)}
    down = await http.get("/v1/things/down", headers=headers)
    missing = await http.get("/v1/nothing", headers=headers)
    assert down.json()["trace_id"] == missing.json()["trace_id"] == f"{9:032x}"
    first, second = kept.spans
    assert (first.failed, first.attributes["adjudicate.code"]) == ("room_unavailable",) * 2
    assert (second.failed, second.attributes["adjudicate.code"]) == ("", "not_found")
    assert second.name == "GET"  # not the path, which may be anything


async def test_whoever_has_no_key_leaves_no_span(http: httpx.AsyncClient, kept: Kept) -> None:
    refused = await http.get("/v1/things/private")
    assert refused.status_code == 401
    assert len(refused.json()["trace_id"]) == 32
    assert kept.spans == []


async def test_errors_have_an_id_when_nothing_is_recorded(http: httpx.AsyncClient) -> None:
    down = await http.get("/v1/things/down")
    assert int(down.json()["trace_id"], 16)


def test_each_request_of_a_connection_without_a_trace_has_its_own() -> None:
    seen = []
    with known_by(None):
        for _ in range(3):
            with anew():
                seen.append(current_trace_id())
    with known_by(traceparent(7)):
        for _ in range(3):
            with anew():
                seen.append(current_trace_id())
    assert len(set(seen)) == 4
    assert seen[3:] == [f"{7:032x}"] * 3


def test_ads_are_below_the_request_or_below_a_span_of_their_own_trace(kept: Kept) -> None:
    mine, other, dropped = traceparent(1, 1), traceparent(2), traceparent(3, sampled=False)
    request = message(mine, other, None, "garbage", dropped, other)
    with known_by(mine), request_span(FORM) as span, traced(request) as ads:
        assert isinstance(span, OpenSpan)
        goes = [ad.data["traceparent"].text for ad in documents(request)]
        ads.answered(decided("approve", "reject", "approve", "approve", "error", "reject"))
    own = kept.one("gateway/review") if len(kept.spans) == 1 else kept.spans[0]
    assert own.parent == other
    assert goes == [
        span.traceparent,
        own.traceparent,
        span.traceparent,
        span.traceparent,
        dropped,
        own.traceparent,
    ]
    assert own.links == [span.traceparent]
    assert own.attributes["adjudicate.outcome"] == "reject"
    assert kept.spans[1] is span


def test_an_ad_that_errs_marks_its_span_and_a_request_that_fails_all(kept: Kept) -> None:
    request = message(traceparent(1), traceparent(2))
    with known_by(None), request_span(FORM), traced(request) as ads:
        ads.answered(decided("approve", "error"))
    assert [span.failed for span in kept.spans[:2]] == ["", "image_unreadable"]
    kept.spans.clear()
    request = message(traceparent(1), traceparent(2))
    with (
        pytest.raises(ServiceError),
        known_by(None),
        request_span(FORM),
        traced(request),
    ):
        raise ServiceError(Code.ROOM_UNAVAILABLE)
    assert [span.failed for span in kept.spans] == ["room_unavailable"] * 3


def test_what_the_gateway_asks_of_itself_has_no_trace(kept: Kept) -> None:
    request = message(None, traceparent(4))
    with traced(request):
        pass
    assert [ad.data["traceparent"].text for ad in documents(request)] == ["", traceparent(4)]
    lookups = DataRequest()
    lookups.document_array_cls = DocList[Lookup]
    lookups.data.docs = DocList[Lookup]([Lookup(id="1")])
    lookups.header.exec_endpoint = "/decision"
    with known_by(None), traced(lookups):
        assert "traceparent" not in documents(lookups)[0].data
    assert kept.spans == []


def test_a_refused_response_says_its_trace() -> None:
    with known_by(traceparent(0xCD)):
        said = refusal(DataRequest(), RequestError(Code.NO_ADS)).header.status.exception.args
    assert f"trace-id: {0xCD:032x}" in list(said)
    assert trace.get_current_span() is trace.INVALID_SPAN


def message(*traceparents: str | None) -> DataRequest:
    """Ads as they come from a client, packed."""
    request = DataRequest()
    request.header.exec_endpoint = "/review"
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad]([Ad(traceparent=each) for each in traceparents])
    return request


def decided(*outcomes: str) -> list[Any]:
    """Decisions, packed."""
    reasons = {"error": ["image_unreadable"]}
    return [
        Decision(outcome=outcome, reasons=reasons.get(outcome, [])).to_protobuf()
        for outcome in outcomes
    ]
