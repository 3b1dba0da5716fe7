"""Refusals over HTTP: one form, whoever refuses."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError, ServiceError
from executors.gateway.protocols.problems import PROBLEM, problem
from tests.gateway.protocols.rooms import FakeRooms


async def refused(
    http: httpx.AsyncClient, rooms: FakeRooms, error: AdjudicateError
) -> httpx.Response:
    rooms.refusal = error
    return await http.get("/v1/decisions")


@pytest.mark.parametrize("code", list(Code))
async def test_every_code_has_its_status_and_its_document(
    http: httpx.AsyncClient, rooms: FakeRooms, code: Code
) -> None:
    answer = await refused(http, rooms, AdjudicateError(code, "because"))
    assert answer.status_code == STATUS[code].http
    assert answer.headers["content-type"] == PROBLEM
    told = answer.json()
    assert (told["code"], told["status"], told["detail"]) == (code, STATUS[code].http, "because")
    assert told["title"] == STATUS[code].title
    assert told["type"] == f"urn:adjudicate:problem:{code}"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RequestError(Code.RATE_LIMITED, retry_after=0.2), "1"),
        (RequestError(Code.RATE_LIMITED, retry_after=7.01), "8"),
        (RequestError(Code.RATE_LIMITED), "1"),
        (ServiceError(Code.ROOM_UNAVAILABLE), "2"),
        (ServiceError(Code.SHUTTING_DOWN, retry_after=5), "5"),
        (ServiceError(Code.DEADLINE_EXCEEDED), None),
        (RequestError(Code.NOT_FOUND), None),
    ],
)
async def test_retry_after_is_in_whole_seconds_rounded_up_where_waiting_helps(
    http: httpx.AsyncClient, rooms: FakeRooms, error: AdjudicateError, seconds: str | None
) -> None:
    answer = await refused(http, rooms, error)
    assert answer.headers.get("retry-after") == seconds
    assert answer.json().get("retry_after") == (int(seconds) if seconds else None)


def test_who_lacks_a_key_is_told_how_to_send_one() -> None:
    missing = problem(RequestError(Code.UNAUTHENTICATED)).headers["www-authenticate"]
    wrong = problem(RequestError(Code.FORBIDDEN)).headers["www-authenticate"]
    assert missing == 'Bearer realm="adjudicate"'
    assert wrong.endswith('error="insufficient_scope"')


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/review", "POST"),
        ("GET", "/v1/review", "POST"),
        ("PUT", "/v1/library", "GET, HEAD, POST"),
        ("POST", "/v1/library/an-id", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/v1/library/banks", "GET, HEAD"),
        ("GET", "/v1/library/held", "POST"),
        ("OPTIONS", "/v1/status", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_all_right_ones(
    http: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allow
    assert answer.headers["content-type"] == PROBLEM


async def test_an_unknown_route_is_a_problem_document_that_says_where_they_stand(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.get("/v1/reviews")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/docs" in answer.json()["detail"]


async def test_a_fault_of_the_service_is_500_and_tells_nothing_of_its_inside(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/v1/review", json={"ads": [{"text": "broken"}]})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "ZeroDivision" not in answer.text


async def test_a_wrong_query_names_the_parameter(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/decisions", params={"limit": 5_000})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert "limit" in answer.json()["detail"]


async def test_a_client_that_leaves_while_it_sends_is_no_fault(app: FastAPI) -> None:
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/review",
        "raw_path": b"/v1/review",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10")],
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 499
