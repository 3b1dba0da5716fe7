"""Load on a server: bodies that are packed before, sent so many at a time.

What packs and unpacks them is the client's, and would hold back what the server gets to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from urllib.parse import urlsplit

import grpc
import httpx
import orjson
from docarray import DocList
from jina.types.request.data import DataRequest
from websockets.asyncio.client import connect

from adjudicate.documents import Ad, Decision
from adjudicate.transports.json import ads_body

GRPC_METHOD = "/jina.JinaSingleDataRequestRPC/process_single_data"
_LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Sent:
    """One request: its ads, and the very bytes that our client sends for them."""

    ads: Sequence[Ad]
    body: bytes


Check = Callable[[Sent, bytes], None]
"""Of a request's answer. Raises `AssertionError` when it is not the right one."""


def packed(protocol: str, ads: Sequence[Ad]) -> Sent:
    """A review of the ads over `grpc`, `http` or `ws`."""
    if protocol == "grpc":
        request = DataRequest()
        request.header.exec_endpoint = "/review"
        request.data.docs = DocList[Ad](ads)
        return Sent(ads, request.proto.SerializeToString())
    operation = {"op": "review", "request_id": 1} if protocol == "ws" else {}
    return Sent(ads, orjson.dumps({**operation, **ads_body(ads)}))


async def over_grpc(
    target: str, method: str, requests: Sequence[Sent], concurrency: int, check: Check
) -> None:
    """Unary calls of `method` on one channel."""
    async with grpc.aio.insecure_channel(target, _LARGE) as channel:
        await channel.channel_ready()
        ask = channel.unary_unary(method)

        async def one(request: Sent) -> None:
            check(request, await ask(request.body))

        await _at_a_time(requests, concurrency, one)


async def over_http(url: str, requests: Sequence[Sent], concurrency: int, check: Check) -> None:
    """Posts on as many kept connections as requests at a time, without a client library: it would
    take as long as the server."""
    address = urlsplit(url)

    async def one_after_another() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for request in waiting:
            head = (
                f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(request.body)}\r\n\r\n"
            )
            writer.writelines((head.encode(), request.body))
            await writer.drain()
            status, headers = await _head(reader)
            answer = await reader.readexactly(int(headers["content-length"]))
            assert status == httpx.codes.OK, answer
            check(request, answer)
        writer.close()

    waiting = iter(requests)
    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))


async def _head(reader: asyncio.StreamReader) -> tuple[int, Message]:
    line, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    return int(line.split()[1]), message_from_bytes(rest)


async def over_websocket(
    url: str, requests: Sequence[Sent], concurrency: int, frames: Callable[[Sent], int]
) -> None:
    """Frames on as many connections as requests at a time; `frames` are a request's answer."""

    async def one_after_another() -> None:
        async with connect(url, max_size=None, compression=None, proxy=None) as socket:
            for request in waiting:
                await socket.send(request.body, text=True)
                for _ in range(frames(request)):
                    answer = await socket.recv(decode=False)
                    assert b'"error"' not in answer[:40], answer

    waiting = iter(requests)
    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))


def check_same(request: Sent, answer: bytes) -> None:
    """Of an echo."""
    assert len(answer) == len(request.body)


def check_message(request: Sent, answer: bytes) -> None:
    """Of a review over gRPC."""
    response = DataRequest(answer)
    response.document_array_cls = DocList[Decision]
    _check(request, [(one.outcome, one.judged) for one in response.docs])


def check_json(request: Sent, answer: bytes) -> None:
    """Of a review over HTTP."""
    _check(request, [(one["outcome"], one["judged"]) for one in orjson.loads(answer)["decisions"]])


def _check(request: Sent, decided: list[tuple[str, bool]]) -> None:
    assert decided == [("approve", bool(ad.advertiser)) for ad in request.ads], decided


async def _at_a_time(
    requests: Sequence[Sent], concurrency: int, send: Callable[[Sent], Awaitable[None]]
) -> None:
    waiting = iter(requests)

    async def one_after_another() -> None:
        for request in waiting:
            await send(request)

    await asyncio.gather(*(one_after_another() for _ in range(concurrency)))
