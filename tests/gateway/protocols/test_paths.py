"""HEAD, trailing slashes, and ids that have to be escaped."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from tests.gateway.protocols.rooms import FakeRooms


async def answered(app: FastAPI, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body as the application sends them: a client drops HEAD's by itself."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    await app({**scope, "query_string": b"", "headers": []}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


@pytest.mark.parametrize("path", ["/health", "/v1/status", "/v1/decisions", "/v1/library/known"])
async def test_head_is_get_without_its_body(app: FastAPI, path: str) -> None:
    status, headers, body = await answered(app, "GET", path)
    assert (status, len(body)) == (200, int(headers["content-length"]))
    head_status, head_headers, nothing = await answered(app, "HEAD", path)
    assert (head_status, nothing) == (200, b"")
    assert head_headers["content-type"] == headers["content-type"]
    assert int(head_headers["content-length"]) > 2


async def test_head_of_what_only_posts_is_405(http: httpx.AsyncClient) -> None:
    answer = await http.head("/v1/review")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_trailing_slash_changes_nothing_and_redirects_nobody(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/v1/review/", json={"ads": [{"text": "x"}]})
    assert answer.status_code == 200
    assert (await http.get("/health/")).status_code == 200
    assert (await http.get("/v1/library/known/")).status_code == 200


@pytest.mark.parametrize("ad_id", ["known", "known/2", "known/a b/ü.jpg", "known/", "known/%2F"])
async def test_an_id_is_found_whatever_stands_in_it(http: httpx.AsyncClient, ad_id: str) -> None:
    answer = await http.get(f"/v1/decisions/{quote(ad_id, safe='')}")
    assert answer.status_code == 200
    assert answer.json()["ad_id"] == ad_id


async def test_names_of_the_library_are_no_ids_of_exemplars(http: httpx.AsyncClient) -> None:
    for name in ("banks", "changes", "held"):
        assert (await http.delete(f"/v1/library/{name}")).status_code == 405
    assert (await http.delete("/v1/library/banks-2")).status_code == 404


async def test_an_id_with_a_nul_is_not_asked_for(http: httpx.AsyncClient, rooms: FakeRooms) -> None:
    for path in ("/v1/decisions/a%00", "/v1/library/%00", "/v1/thresholds/%00"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not rooms.asked
