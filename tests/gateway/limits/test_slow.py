"""Who takes for ever is ended, over raw sockets: headers, bodies, silence, answers nobody reads."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from executors.gateway.limits import connections
from tests.gateway.limits.gateway import MAX_BYTES, Gateway, running, until

HEAD = b"POST /v1/review HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
QUICK = {"header_s": 0.2, "body_s": 0.2, "idle_s": 0.2, "ping_s": 0.2, "message_s": 0.2}


@pytest.fixture(autouse=True)
def quick_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.3)


async def connect(
    gateway: Gateway, name: str = "http"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", gateway.ports[name])


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the other side closes."""
    came = bytearray()
    with suppress(ConnectionResetError):
        async with asyncio.timeout(15):
            while part := await reader.read(65_536):
                came += part
    return bytes(came)


async def trickle(writer: asyncio.StreamWriter, data: bytes, every: float = 0.02) -> None:
    try:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every)
    except ConnectionError:
        return


@pytest.mark.parametrize("name", ["http", "ws"])
async def test_a_connection_that_says_nothing_is_closed(name: str) -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway, name)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.parametrize("name", ["http", "ws"])
async def test_headers_that_trickle_end_with_408(name: str) -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway, name)
        sending = asyncio.ensure_future(trickle(writer, b"GET / HTTP/1.1\r\nX-A: " + b"a" * 2_000))
        answer = await rest(reader)
        sending.cancel()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request_timeout"
        writer.close()


async def test_a_second_request_of_a_connection_is_timed_as_well() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        sending = asyncio.ensure_future(trickle(writer, b"GET / HTTP/1.1\r\nX-A: " + b"a" * 2_000))
        assert b"HTTP/1.1 408 " in await rest(reader)
        sending.cancel()
        writer.close()


async def test_a_body_that_trickles_ends_with_408_and_takes_no_place() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway)
        writer.write(HEAD + b"Content-Length: 10000\r\n\r\n")
        sending = asyncio.ensure_future(trickle(writer, b" " * 10_000))
        answer = await rest(reader)
        sending.cancel()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert gateway.limits.bodies.used == 0
        writer.close()


async def test_a_body_that_comes_as_fast_as_it_must_is_read() -> None:
    async with running(**QUICK | {"body_rate": 1_000}) as gateway:
        reader, writer = await connect(gateway)
        body = json.dumps({"ads": [{"text": "x"}]}).encode().ljust(600)
        writer.write(HEAD + b"Content-Length: 600\r\n\r\n")
        for at in range(0, 600, 60):  # 0.5 s in all, more than body_s
            writer.write(body[at : at + 60])
            await asyncio.sleep(0.05)
        assert b"200" in await reader.readline()
        writer.close()


async def test_an_idle_connection_is_closed() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await rest(reader)).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_what_nobody_reads_is_not_read_for_ever() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
        sending = asyncio.ensure_future(trickle(writer, b" " * 10_000))
        assert (await rest(reader)).startswith(b"HTTP/1.1 413 ")
        sending.cancel()
        writer.close()


async def test_a_connection_is_timed_again_after_a_body_that_nobody_read() -> None:
    async with running(**QUICK | {"body_s": 5.0}) as gateway:
        reader, writer = await connect(gateway)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.write(b" " * (MAX_BYTES + 1))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        came = await rest(reader)
        assert came.count(b"HTTP/1.1 200 ") == 1
        writer.close()

        reader, writer = await connect(gateway)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.write(b" " * (MAX_BYTES + 1))
        await rest(reader)
        writer.close()


async def test_a_client_that_does_not_read_its_answer_loses_the_connection() -> None:
    async with running(**QUICK) as gateway:
        _, writer = await connect(gateway)
        server = gateway.servers[0].server
        one = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.transport.pause_reading()  # type: ignore[attr-defined]

        async def ask() -> None:
            try:
                while True:
                    writer.write(one * 50)
                    await writer.drain()
            except ConnectionError:
                return

        sent = asyncio.ensure_future(ask())
        await until(lambda: server.server_state.connections)
        await until(lambda: not server.server_state.connections, 15)
        sent.cancel()
        writer.close()


async def test_a_websocket_whose_other_side_is_dead_is_closed() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway, "ws")
        writer.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = await rest(reader)  # no pong is ever sent
        assert answer.startswith(b"HTTP/1.1 101 ")
        writer.close()


async def test_a_grpc_handshake_that_does_not_come_is_ended() -> None:
    async with running(**QUICK) as gateway:
        reader, writer = await connect(gateway, "grpc")
        sending = asyncio.ensure_future(trickle(writer, b"PRI * HTTP/2.0\r\n\r\nS", 0.1))
        await rest(reader)
        sending.cancel()
        writer.close()


async def test_one_connection_too_many_is_told_so() -> None:
    async with running(connections=2) as gateway:
        first, second = await connect(gateway), await connect(gateway)
        await until(lambda: len(gateway.servers[0].server.server_state.connections) == 2)
        reader, writer = await connect(gateway)
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in answer
        for _, other in (first, second, (reader, writer)):
            other.close()
        await until(lambda: not gateway.servers[0].server.server_state.connections)
        reader, writer = await connect(gateway)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        writer.close()
