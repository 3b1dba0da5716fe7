"""Bodies over HTTP: their type, and their fields."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.protocols.rooms import FakeRooms

BODY = b'{"ads": [{"text": "x"}]}'


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=UTF-8",
        "Application/JSON",
        "application/ld+json",
    ],
)
async def test_json_is_read_by_any_of_its_names(http: httpx.AsyncClient, kind: str) -> None:
    answer = await http.post("/v1/review", content=BODY, headers={"content-type": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/json; charset=utf-16",
        "multipart/mixed; boundary=x",
        "json",
        "application/json\u00e9",
    ],
)
@pytest.mark.parametrize("path", ["/v1/review", "/v1/library"])
async def test_other_types_are_refused_with_the_right_ones(
    http: httpx.AsyncClient, rooms: FakeRooms, path: str, kind: str
) -> None:
    headers = {"content-type": kind.encode("latin-1")} if kind else {}
    answer = await http.post(path, content=BODY, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["detail"]
    assert not rooms.seen


async def test_a_form_is_for_ads_alone(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/library", files={"image": b"x"})
    assert answer.status_code == 415


async def test_a_packed_body_is_refused(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await http.post("/v1/review", content=BODY, headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"


async def test_a_misspelt_option_is_not_passed_over(http: httpx.AsyncClient) -> None:
    body = {"ads": [{"text": "x"}], "dedline_ms": 10}
    answer = await http.post("/v1/review", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert "dedline_ms" in answer.json()["detail"]
    assert "deadline_ms" in answer.json()["detail"]
