"""Every kind of bad input, over every protocol: a stable code for that ad alone."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable

import httpx
import pytest
import websockets
from docarray import BaseDoc, DocList
from jina import Client as JinaClient
from PIL import Image

from adjudicate import Ad, AsyncClient, Decision, RequestError
from tests.e2e.conftest import sample_ad, sample_rows
from tests.e2e.service import Service

Encoded = Callable[..., bytes]


def huge_header() -> bytes:
    """A PNG whose header claims 100,000 × 100,000 pixels; there are none."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def animated() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green")]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def bad_ads(encoded: Encoded) -> dict[str, list[Ad]]:
    """Ads by the code that each must get."""
    jpeg = encoded("JPEG")
    return {
        "image_unreadable": [Ad(image=b"not a picture at all"), Ad(image=b"<svg></svg>")],
        "image_truncated": [Ad(image=jpeg[: len(jpeg) // 2])],
        "image_empty": [Ad(image=b""), Ad(image=b"", text="with copy")],
        "image_too_large": [Ad(image=jpeg + b"\0" * 20_000_000)],
        "image_too_many_pixels": [Ad(image=huge_header())],
        "image_animated": [Ad(image=animated())],
        "ad_empty": [Ad(), Ad(text="   ")],
        "text_too_long": [Ad(text="x" * 10_001)],
        "url_not_allowed": [Ad(url="https://example.org/a.png")],
    }


async def test_each_bad_ad_gets_its_code_and_the_others_are_decided(
    client: AsyncClient, encoded: Encoded
) -> None:
    good = Ad(id="good", text="Vitamin C, 500 mg per tablet", image=encoded("PNG"))
    expected: dict[str, str] = {}
    ads = [good]
    for code, group in bad_ads(encoded).items():
        for ad in group:
            expected[ad.id] = code
            ads.append(ad)
    decided = {d.ad_id: d for d in await client.review_all([*ads, Ad(id="last", text="Plain")])}
    assert len(decided) == len(ads) + 1
    codes = {ad_id: decided[ad_id].problem.code for ad_id in expected}
    assert codes == expected
    for ad_id in expected:
        assert decided[ad_id].outcome == "error"
        assert decided[ad_id].problem.detail
    for ad_id in ("good", "last"):
        assert decided[ad_id].problem is None
        assert decided[ad_id].outcome in ("approve", "reject", "escalate")


async def test_unusual_pictures_are_decided_and_rightly_turned(
    client: AsyncClient, encoded: Encoded
) -> None:
    """A violating sample in each unusual encoding resembles the same exemplar."""
    row = next(row for row in sample_rows() if row["kind"] == "image" and row["rule"])
    picture = Image.open(io.BytesIO(sample_ad(row).image)).convert("RGB")

    def saved(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90° clockwise to be seen upright
    with_alpha = picture.convert("RGBA").quantize(64)
    variants = {
        "plain": saved(picture, "PNG"),
        "cmyk": saved(picture.convert("CMYK"), "JPEG", quality=95),
        "palette": saved(with_alpha, "PNG"),
        "turned": saved(picture.rotate(90, expand=True), "JPEG", quality=95, exif=exif),
    }
    found = await client.search([Ad(id=name, image=data) for name, data in variants.items()], 3)
    assert [result.problem for result in found] == [None] * len(variants)
    plain = found[0].matches[0]
    for result in found[1:]:
        near = {match.exemplar_id: match.similarity for match in result.matches}
        assert plain.exemplar_id in near, result.ad_id
        assert near[plain.exemplar_id] == pytest.approx(plain.similarity, abs=0.08)
    sixteen_bits = saved(picture.convert("I;16"), "PNG")
    (decided,) = await client.review_all([Ad(image=sixteen_bits)])
    assert decided.problem is None


async def test_a_request_with_too_many_ads_is_refused_with_the_limit(client: AsyncClient) -> None:
    big = AsyncClient(client.url, request_size=10_000)
    async with big:
        with pytest.raises(RequestError, match="too_many_ads") as refusal:
            await big.review_all([Ad(text="x")] * 10_000)
    assert "1,000" in refusal.value.detail


async def test_no_ads_is_no_decisions(client: AsyncClient) -> None:
    assert await client.review_all([]) == []


class Misspelt(BaseDoc):
    """An ad of a client that misspells `image`."""

    text: str = "Plain copy"
    imgae: bytes = b"\xff\xd8"


async def test_an_unknown_field_is_that_ads_error_on_every_protocol(service: Service) -> None:
    ads = [{"id": "wrong", "text": "Plain copy", "imgae": "AA=="}, {"id": "fine", "text": "Plain"}]
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{service.urls['http']}/v1/review", json={"ads": ads})
    by_http = {d["ad_id"]: d for d in answer.json()["decisions"]}

    by_websocket = {}
    async with websockets.connect(f"{service.urls['ws']}/v1/stream") as socket:
        await socket.send(json.dumps({"op": "review", "request_id": 1, "ads": ads}))
        while (frame := json.loads(await socket.recv()))["type"] != "end":
            by_websocket[frame["decision"]["ad_id"]] = frame["decision"]

    for decided in (by_http, by_websocket):
        assert decided["wrong"]["outcome"] == "error"
        assert decided["wrong"]["problem"]["code"] == "unknown_field"
        assert decided["fine"]["problem"] is None

    jina = JinaClient(port=int(service.urls["grpc"].rsplit(":", 1)[1]), asyncio=True)
    found = [
        doc
        async for docs in jina.post(
            "/review",
            DocList[Misspelt]([Misspelt(id="wrong")]),
            return_type=DocList[Decision],
            return_responses=False,
        )
        for doc in docs
    ]
    assert [(d.ad_id, d.outcome, d.problem.code) for d in found] == [
        ("wrong", "error", "unknown_field")
    ]
