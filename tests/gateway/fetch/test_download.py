"""Pictures from a real HTTPS server, which a policy of the test lets be called."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from adjudicate.documents import Ad
from adjudicate.errors import Code
from executors.gateway.fetch.fetching import Fetching
from executors.shared.settings import FetchSettings
from tests.gateway.fetch.conftest import filled
from tests.gateway.fetch.network import HOST, PICTURE, Names, Origin, answer, redirected

Open = Callable[..., Fetching]


@pytest.fixture
def open_to(origin: Origin) -> Open:
    """A fetching that may call the test's server, and no other address."""

    def make(**settings: Any) -> Fetching:
        names = Names()
        for name in (HOST, "one.ads.example.com", "other.example.net"):
            names.say(name, ["127.0.0.1"])
        known = {"hosts": (HOST, "*.ads.example.com", "other.example.net"), "ports": (origin.port,)}
        return Fetching(
            FetchSettings(**{**known, **settings}),
            100_000,
            resolver=names,
            allowed=lambda address: address == "127.0.0.1",
            trust=origin.trust,
        )

    return make


def url(origin: Origin, path: str = "/a", host: str = HOST) -> str:
    return f"https://{host}:{origin.port}{path}"


async def one(fetching: Fetching, url: str, **fields: Any) -> Ad:
    (ad,) = await filled(fetching, Ad(url=url, **fields))
    return ad


async def refusal(fetching: Fetching, url: str, **fields: Any) -> tuple[str, str]:
    """The code and the sentence, of an ad that must not have a picture."""
    ad = await one(fetching, url, **fields)
    assert ad.image is None
    assert ad.problem is not None
    return ad.problem.code, ad.problem.detail


async def test_a_picture_comes_as_its_bytes_and_the_ad_keeps_its_url(
    open_to: Open, origin: Origin
) -> None:
    origin.pages["/a?x=1"] = answer()
    ad = await one(open_to(), url(origin, "/a?x=1"), text="tea")
    assert (ad.image, ad.problem, ad.text) == (PICTURE, None, "tea")
    assert ad.url == url(origin, "/a?x=1")
    assert f"Host: {HOST}:{origin.port}\r\n" in origin.requests[0]


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/PNG; q=1", "application/octet-stream", ""])
async def test_the_type_may_be_an_image_or_not_known(
    open_to: Open, origin: Origin, kind: str
) -> None:
    origin.pages["/a"] = answer(headers={"Content-Type": kind})
    assert (await one(open_to(), url(origin))).image == PICTURE


async def test_a_body_may_come_in_chunks_without_a_length(open_to: Open, origin: Origin) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.pages["/a"] = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert (await one(open_to(), url(origin))).image == b"abcde"


async def test_redirects_within_the_listed_hosts_are_followed(
    open_to: Open, origin: Origin
) -> None:
    origin.pages["/a"] = redirected("/b", "301 Moved")
    origin.pages["/b"] = redirected(url(origin, "/c", "one.ads.example.com"), "307 Temporary")
    origin.pages["/c"] = answer()
    assert (await one(open_to(), url(origin))).image == PICTURE
    assert "Host: one.ads.example.com" in origin.requests[2]


@pytest.mark.parametrize(
    ("page", "code", "says"),
    [
        (answer("404 Not Found", body=b""), Code.URL_UNREACHABLE, "404"),
        (answer("500 Oops"), Code.URL_UNREACHABLE, "500"),
        (answer("206 Partial Content"), Code.URL_UNREACHABLE, "206"),
        (answer("304 Not Modified", body=b""), Code.URL_UNREACHABLE, "304"),
        (answer("302 Found", body=b""), Code.URL_UNREACHABLE, "302"),
        (answer(headers={"Content-Type": "text/html"}), Code.URL_UNREACHABLE, "no image"),
        (answer(headers={"Content-Type": "imagery/png"}), Code.URL_UNREACHABLE, "no image"),
        (answer(headers={"Content-Encoding": "gzip"}), Code.URL_UNREACHABLE, "compresses"),
        (answer(headers={"Content-Encoding": "identity, br"}), Code.URL_UNREACHABLE, "compresses"),
        (answer(body=b""), Code.IMAGE_EMPTY, "no bytes"),
        (answer(body=b"x" * 100_001), Code.IMAGE_TOO_LARGE, "100000"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_001, Code.IMAGE_TOO_LARGE, "100000"),
        (answer(headers={"Content-Length": "99999999999"}), Code.IMAGE_TOO_LARGE, "100000"),
        (answer(headers={"Content-Length": "9" * 5_000}), Code.URL_UNREACHABLE, "broke off"),
        (answer(headers={"Content-Length": "5000"}), Code.URL_UNREACHABLE, "broke off"),
        (answer(headers={"Content-Length": "-1"}), Code.URL_UNREACHABLE, "broke off"),
        (answer(headers={"X-Long": "x" * 200_000}), Code.URL_UNREACHABLE, "broke off"),
        (b"220 ESMTP ready\r\n", Code.URL_UNREACHABLE, "broke off"),
        (b"", Code.URL_UNREACHABLE, "broke off"),
    ],
)
async def test_an_answer_that_is_no_picture_is_the_ads_problem(
    open_to: Open, origin: Origin, page: bytes, code: Code, says: str
) -> None:
    origin.pages["/a"] = page
    found, detail = await refusal(open_to(), url(origin))
    assert found == code
    assert says in detail
    assert "127.0.0.1" not in detail


async def test_a_zip_bomb_is_not_unpacked(open_to: Open, origin: Origin) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    origin.pages["/a"] = answer(headers={"Content-Encoding": "gzip"}, body=bomb)
    assert (await refusal(open_to(), url(origin)))[0] == Code.URL_UNREACHABLE
    assert "accept-encoding: identity" in origin.requests[0].lower()


async def test_an_endless_body_is_read_no_further_than_the_limit(
    open_to: Open, origin: Origin
) -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(10_000))
            await writer.drain()
            written += 10_000

    origin.pages["/a"] = endless
    assert (await refusal(open_to(), url(origin)))[0] == Code.IMAGE_TOO_LARGE
    # What lies in the buffers of both sides comes on top of the limit.
    assert written < 20_000_000


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: each alone is in time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        writer.write(f"X-{number}: 1\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless_100s(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("page", [trickle, slow_headers, endless_100s])
async def test_what_comes_too_slowly_ends_by_the_time_out(
    open_to: Open, origin: Origin, page: Any
) -> None:
    origin.pages["/a"] = page
    found, detail = await refusal(open_to(timeout_s=0.3), url(origin))
    assert (found, detail) == (Code.URL_UNREACHABLE, "The picture did not come within 0.3 s.")


async def test_redirects_share_one_time_out(open_to: Open, origin: Origin) -> None:
    async def later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(redirected(url(origin)))
        await writer.drain()

    origin.pages["/a"] = later
    found, detail = await refusal(open_to(timeout_s=0.4, max_redirects=20), url(origin))
    assert (found, detail) == (Code.URL_UNREACHABLE, "The picture did not come within 0.4 s.")


async def test_what_comes_too_slowly_ends_by_the_ads_deadline(
    open_to: Open, origin: Origin
) -> None:
    origin.pages["/a"] = trickle
    found, detail = await refusal(open_to(), url(origin), deadline=time.time() + 0.2)
    assert (found, detail) == (
        Code.URL_UNREACHABLE,
        "The picture did not come before the ad's deadline.",
    )


async def test_an_ad_past_its_deadline_is_not_fetched(open_to: Open, origin: Origin) -> None:
    origin.pages["/a"] = answer()
    assert (await refusal(open_to(), url(origin), deadline=1.0))[0] == Code.URL_UNREACHABLE
    assert origin.requests == []


async def test_a_certificate_of_another_name_is_refused(open_to: Open, origin: Origin) -> None:
    origin.pages["/a"] = answer()
    found, detail = await refusal(open_to(), url(origin, host="other.example.net"))
    assert (found, detail) == (
        Code.URL_UNREACHABLE,
        "The URL's host has no valid certificate.",
    )
    assert origin.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(
    open_to: Open, origin: Origin
) -> None:
    origin.trust = ssl.create_default_context()
    assert "certificate" in (await refusal(open_to(), url(origin)))[1]
    assert origin.requests == []


async def test_no_more_are_under_way_than_the_bound(open_to: Open, origin: Origin) -> None:
    inside = most = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.02)
        inside -= 1
        writer.write(answer())
        await writer.drain()

    ads = []
    for number in range(12):
        origin.pages[f"/{number}"] = counted
        ads.append(Ad(url=url(origin, f"/{number}")))
    got = await filled(open_to(concurrency=3), *ads)
    assert [ad.image for ad in got] == [PICTURE] * 12
    assert most == 3


async def test_a_cancelled_request_leaves_nothing_behind(open_to: Open, origin: Origin) -> None:
    opened, closed = asyncio.Event(), asyncio.Event()

    async def watched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.set()
        await reader.read()
        closed.set()

    origin.pages["/a"] = watched
    fetching = open_to()
    task = asyncio.ensure_future(one(fetching, url(origin)))
    await asyncio.wait_for(opened.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 5)
    assert fetching.held == 0
