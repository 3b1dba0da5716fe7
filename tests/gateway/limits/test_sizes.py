"""What is too large, and what is too much at a time, is refused with its code on each protocol."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import grpc
import httpx
import pytest
import websockets
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate.errors import Code
from executors.gateway.protocols.grpc_status import refused
from tests.gateway.limits.gateway import MAX_BYTES, MIB, Gateway, request_of, running, until

SENDING = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]


def channel(gateway: Gateway) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports['grpc']}", SENDING)


def connect(gateway: Gateway, path: str, **options: Any) -> Any:
    return websockets.connect(f"ws://127.0.0.1:{gateway.ports['ws']}{path}", **options)


async def post(gateway: Gateway, content: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports['http']}") as client:
        return await client.post(
            "/v1/review", content=content, headers={"content-type": "application/json"}
        )


async def parts(size: int) -> Any:
    for _ in range(size // 65_536 + 1):
        yield b" " * 65_536


@pytest.mark.parametrize("declared", [True, False])
async def test_http_refuses_a_body_over_its_limit(declared: bool) -> None:
    async with running() as gateway:
        answer = await post(gateway, b" " * (MAX_BYTES + 1) if declared else parts(MAX_BYTES))
        assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
        assert gateway.limits.bodies.used == 0


async def test_grpc_refuses_a_message_over_its_limit() -> None:
    async with running() as gateway, channel(gateway) as open_channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(open_channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.process_single_data(request_of("x", image=bytes(MAX_BYTES + 1)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        fits = await stub.process_single_data(request_of("x", image=bytes(MAX_BYTES - 1_000)))
        assert len(fits.data._content.docs.docs) == 1


@pytest.mark.parametrize("path", ["/v1/stream", "/"])
async def test_a_websocket_closes_on_a_message_over_its_limit(path: str) -> None:
    async with running() as gateway, connect(gateway, path) as connection:
        await connection.send(b" " * (MAX_BYTES + 1))
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1009
        await until(lambda: not gateway.limits.bodies.used)


async def test_a_websockets_small_parts_may_not_add_up_to_more() -> None:
    async with running() as gateway, connect(gateway, "/v1/stream") as connection:
        with suppress(websockets.ConnectionClosed):  # in the middle, or when all is written
            await connection.send(part async for part in parts(2 * MAX_BYTES))
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1009


async def test_http_refuses_before_it_reads_when_the_bytes_of_all_are_used_up() -> None:
    async with running(body_bytes=MIB) as gateway:
        with gateway.limits.bodies.hold(MIB - 1_000):
            answer = await post(gateway, b" " * 2_000)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
            streamed = await post(gateway, parts(2_000))
            assert (streamed.status_code, streamed.json()["code"]) == (503, "overloaded")
            assert gateway.limits.bodies.used == MIB - 1_000
        fits = await post(gateway, json.dumps({"ads": [{"text": "x"}]}).encode())
        assert fits.status_code == 200


async def test_http_reads_nothing_of_a_body_that_says_itself_too_large() -> None:
    async with running(body_bytes=MIB) as gateway:
        with gateway.limits.bodies.hold(MIB - 1_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports["http"])
            writer.write(
                b"POST /v1/review HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2000\r\n\r\n"  # and not a byte of it
            )
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
            writer.close()


async def test_an_announced_body_takes_nothing_before_it_comes() -> None:
    async with running(body_bytes=MIB) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.ports["http"])
        writer.write(
            b"POST /v1/review HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000\r\n\r\n" + b" " * 1_000
        )
        await until(lambda: gateway.limits.bodies.used == 1_000)
        writer.close()
        await until(lambda: gateway.limits.bodies.used == 0)


async def test_grpc_refuses_when_the_bytes_of_all_are_used_up() -> None:
    async with running(body_bytes=MIB) as gateway, channel(gateway) as open_channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(open_channel)
        with gateway.limits.bodies.hold(MIB - 1_000), pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.process_single_data(request_of("x", image=bytes(2_000)))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        said = caught.value.trailing_metadata()
        assert (said["adjudicate-code"], said["retry-after"]) == ("overloaded", "1")
        assert gateway.limits.bodies.used == 0


async def test_a_stream_goes_on_after_a_message_that_found_no_room() -> None:
    async with running(body_bytes=MIB) as gateway, channel(gateway) as open_channel:
        call = jina_pb2_grpc.JinaRPCStub(open_channel).Call()
        with gateway.limits.bodies.hold(MIB - 1_000):
            await call.write(request_of("x", image=bytes(2_000)))
            answer = await call.read()
            error = refused(DataRequest(answer.proto))
            assert error is not None
            assert error.code is Code.OVERLOADED
        await call.write(request_of("x", image=bytes(2_000)))
        assert refused(DataRequest((await call.read()).proto)) is None
        await call.done_writing()


@pytest.mark.parametrize("path", ["/v1/stream", "/"])
async def test_a_websocket_closes_when_the_bytes_of_all_are_used_up(path: str) -> None:
    async with running(body_bytes=MIB) as gateway, connect(gateway, path) as connection:
        with gateway.limits.bodies.hold(MIB - 1_000):
            await connection.send(b" " * 100_000)
            with pytest.raises(websockets.ConnectionClosed):
                await connection.recv()
            assert connection.close_code == 1013
            assert "overloaded" in (connection.close_reason or "")
            await until(lambda: gateway.limits.bodies.used == MIB - 1_000)


async def test_one_call_too_many_is_refused_before_its_message() -> None:
    async with running(connections=2) as gateway:
        gateway.pool.open.clear()
        channels = [channel(gateway) for _ in range(3)]
        stubs = [jina_pb2_grpc.JinaSingleDataRequestRPCStub(one) for one in channels]
        calls = [stubs[n].process_single_data(request_of("x")) for n in range(2)]
        await until(lambda: gateway.calls.open == 2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs[2].process_single_data(request_of("x"))
        assert caught.value.trailing_metadata()["adjudicate-code"] == "overloaded"
        gateway.pool.open.set()
        await asyncio.gather(*calls)
        await until(lambda: gateway.calls.open == 0)
        await stubs[2].process_single_data(request_of("x"))
        for one in channels:
            await one.close()


async def test_a_grpc_message_that_does_not_come_is_ended() -> None:
    async with running(message_s=0.2) as gateway, channel(gateway) as open_channel:
        call = open_channel.stream_unary("/jina.JinaSingleDataRequestRPC/process_single_data")()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with asyncio.timeout(5):
                await call
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert caught.value.trailing_metadata()["adjudicate-code"] == "request_timeout"
        await until(lambda: gateway.calls.open == 0)
