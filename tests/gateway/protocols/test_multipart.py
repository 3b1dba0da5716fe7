"""Ads as a form, the pictures as files."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from adjudicate.documents import Ad
from tests.gateway.protocols.conftest import MAX_ADS, MAX_BYTES
from tests.gateway.protocols.rooms import FakeRooms

Files = list[tuple[str, Any]]


def picture(name: str, content: bytes = b"\xff\xd8picture", part: str = "image") -> Any:
    return part, (name, content, "image/jpeg")


async def review(
    http: httpx.AsyncClient, files: Files, data: dict[str, Any] | None = None
) -> httpx.Response:
    if files:
        return await http.post("/v1/review", files=files, data=data or {})
    fields = [(name, (None, value)) for name, value in (data or {}).items()]
    return await http.post("/v1/review", files=fields)


async def seen(http: httpx.AsyncClient, rooms: FakeRooms, files: Files, **data: Any) -> list[Ad]:
    answer = await review(http, files, data)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["decisions"]) == len(rooms.seen)
    return rooms.seen


async def test_a_picture_and_its_fields_are_an_ad(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    content = bytes(range(256)) + b"\r\n--" + b"\0" * 2_000
    data = {"text": "降血糖神器", "market": "CN", "context": '{"campaign": "7"}', "deadline": "9e9"}
    (ad,) = await seen(http, rooms, [picture("front.jpg", content)], **data)
    assert (ad.image, ad.text, ad.market) == (content, "降血糖神器", "CN")
    assert (ad.id, ad.context, ad.deadline) == ("front.jpg", {"campaign": "7"}, 9e9)


async def test_fields_are_for_all_pictures_or_one_for_each_in_turn(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    files = [picture(f"{n}.jpg", b"%d" % n) for n in range(3)]
    ads = await seen(http, rooms, files, market="US", text=["a", "b", "c"], id=["x", "y", "z"])
    assert [(ad.id, ad.image, ad.text, ad.market) for ad in ads] == [
        ("x", b"0", "a", "US"),
        ("y", b"1", "b", "US"),
        ("z", b"2", "c", "US"),
    ]


async def test_fields_without_a_picture_are_an_ad_of_copy(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    unchosen = (  # as a browser's form sends it
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\ncopy alone\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await http.post("/v1/review", content=unchosen, headers=headers)
    assert answer.status_code == 200
    (ad,) = rooms.seen
    assert (ad.image, ad.text) == (None, "copy alone")


async def test_an_empty_file_is_a_picture_without_bytes(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    (ad,) = await seen(http, rooms, [picture("empty.jpg", b"")])
    assert ad.image == b""


async def test_ads_as_json_name_the_parts_that_are_their_pictures(
    http: httpx.AsyncClient, rooms: FakeRooms
) -> None:
    ads = [
        {"id": "a", "image": "@front", "text": "x"},
        {"id": "b", "image": "aGk="},
        {"id": "c", "image": "@front"},
        {"id": "d", "image": "@nowhere"},
        {"id": "e", "imgae": "@front"},
    ]
    files = [
        ("ads", ("ads.json", json.dumps(ads).encode(), "application/json")),
        picture("f.jpg", b"front", "front"),
    ]
    found = await seen(http, rooms, files)
    assert [ad.image for ad in found] == [b"front", b"hi", b"front", None, None]
    codes = [ad.problem and ad.problem.code for ad in found]
    assert codes == [None, None, None, "image_base64", "unknown_field"]


async def test_ads_as_json_may_be_a_field_too(http: httpx.AsyncClient, rooms: FakeRooms) -> None:
    data = {"ads": json.dumps({"ads": [{"image": "@p"}]}), "deadline_ms": "60000"}
    (ad,) = await seen(http, rooms, [picture("p.jpg", b"p", "p")], **data)
    assert ad.image == b"p"
    assert ad.deadline is not None


async def test_options_of_a_search_are_fields(http: httpx.AsyncClient, rooms: FakeRooms) -> None:
    data = {"limit": "3", "per_category": "true", "text": "x"}
    answer = await http.post("/v1/search", files=[picture("a.jpg")], data=data)
    assert answer.status_code == 200
    assert rooms.asked[-1] == ("/search", {"limit": 3, "per_category": True})
    embedded = await http.post("/v1/embed", files=[picture("a.jpg")])
    assert embedded.json()["embeddings"][0]["image"] == [0.0] * 4


@pytest.mark.parametrize(
    ("files", "data", "says"),
    [
        ([picture("a.jpg")], {"imgae": "x"}, "'imgae' is not known"),
        ([picture("a.jpg", part="photo")], {}, "'photo' is not known as a file"),
        ([], {"image": "aGk="}, "image must be a file"),
        ([picture("a"), picture("b"), picture("c")], {"text": ["x", "y"]}, "2 times text"),
        ([picture("a"), picture("b")], {"id": "same"}, "1 times id"),
        ([picture("a"), picture("b")], {"idempotency_key": "same"}, "idempotency_key"),
        ([picture("a")], {"context": "{"}, "context must be a JSON object"),
        ([picture("a")], {"ads": "{"}, 'the part "ads" is not JSON'),
        ([picture("a")], {"ads": '"x"'}, "must be a JSON list"),
        ([picture("a", part="f")], {"ads": '[{"text": "x"}]'}, 'no ad\'s image is "@f"'),
        ([picture("a", part="f")], {"ads": '[{"image": "@f"}]', "text": "x"}, "beside"),
        ([picture("a")], {"deadline_ms": ["1", "2"]}, "deadline_ms is given 2 times"),
        ([picture("a")], {"deadline_ms": "soon"}, "deadline_ms must be a whole number"),
    ],
)
async def test_a_form_that_cannot_be_meant_is_refused_with_what_is_wrong(
    http: httpx.AsyncClient, rooms: FakeRooms, files: Files, data: dict[str, Any], says: str
) -> None:
    answer = await review(http, files, data)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert says in answer.json()["detail"]
    assert not rooms.seen


async def test_too_many_pictures_are_refused_with_the_limit(http: httpx.AsyncClient) -> None:
    for count in (MAX_ADS + 1, MAX_ADS + 5):
        answer = await review(http, [("image", ("a", b"x"))] * count)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_ads")


async def test_a_form_is_refused_while_it_is_read(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(1_000):
            sent += 1_000
            yield b"x" * 1_000

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await http.post("/v1/review", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert sent < 2 * MAX_BYTES


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no form"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx\r\n'
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nhalf a pict',
        ),
    ],
)
async def test_a_broken_form_is_refused_and_half_of_it_is_not_reviewed(
    http: httpx.AsyncClient, rooms: FakeRooms, kind: str, body: bytes
) -> None:
    answer = await http.post("/v1/review", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert not rooms.seen
