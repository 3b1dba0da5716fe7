"""A gateway that is being stopped: what it finishes, refuses, gives up, and says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import httpx
import pytest
import websockets
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate.errors import Code
from executors.gateway.limits.draining import told
from executors.gateway.limits.places import Unfinished
from tests.gateway.limits.gateway import Gateway, request_of, running, until

ADS = {"ads": [{"text": text} for text in "abcdefgh"]}


def http(gateway: Gateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports['http']}")


def stream(gateway: Gateway, path: str = "/v1/stream", **options: Any) -> Any:
    return websockets.connect(f"ws://127.0.0.1:{gateway.ports['ws']}{path}", **options)


def channel(gateway: Gateway) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports['grpc']}")


async def test_what_is_in_flight_on_every_protocol_finishes() -> None:
    async with (
        running() as gateway,
        http(gateway) as client,
        stream(gateway) as socket,
        channel(gateway) as rpc,
    ):
        gateway.pool.open.clear()
        posted = asyncio.ensure_future(client.post("/v1/review", json=ADS))
        await socket.send(json.dumps({"op": "review", **ADS}))
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(rpc)
        called = stub.process_single_data(request_of(*"abcdefgh"))
        await until(lambda: gateway.limits._places.ads == 24)
        draining = asyncio.ensure_future(gateway.draining.drain(gateway.servers))
        await until(lambda: gateway.limits.stopping)
        await asyncio.sleep(0.02)
        assert not draining.done()
        gateway.pool.open.set()
        assert await draining == []
        answer = await posted
        assert len(answer.json()["decisions"]) == 8
        assert answer.headers["connection"] == "close"
        assert len((await called).data._content.docs.docs) == 8
        frames = [json.loads(await socket.recv()) for _ in range(9)]
        assert [frame["type"] for frame in frames] == ["decision"] * 8 + ["end"]


async def test_new_requests_on_open_connections_are_refused() -> None:
    async with (
        running() as gateway,
        http(gateway) as client,
        stream(gateway) as socket,
        channel(gateway) as rpc,
    ):
        gateway.pool.open.clear()
        assert (await client.get("/")).status_code == 200
        call = jina_pb2_grpc.JinaRPCStub(rpc).Call()
        await call.write(request_of("in flight"))
        await until(lambda: gateway.limits._places.ads == 1)
        draining = asyncio.ensure_future(gateway.draining.drain(gateway.servers))
        await until(lambda: gateway.limits.stopping)

        answer = await client.post("/v1/review", json=ADS)
        assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["connection"] == "close"

        await socket.send(json.dumps({"op": "review", "request_id": 1, **ADS}))
        frame = json.loads(await socket.recv())
        assert (frame["code"], frame["status"]) == ("shutting_down", 503)
        assert frame["retry_after"] >= 1

        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(rpc)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.process_single_data(request_of("late"))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

        gateway.pool.open.set()
        assert await draining == []
        assert len((await call.read()).data._content.docs.docs) == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.trailing_metadata()["adjudicate-code"] == "shutting_down"

        await gateway.servers[1].server.shutdown()
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1012


async def test_jinas_websocket_is_answered_and_closed_with_1012() -> None:
    async with running() as gateway, stream(gateway, "/", subprotocols=["bytes"]) as socket:
        gateway.pool.open.clear()
        await socket.send(request_of("in flight").proto.SerializeToString())
        await until(lambda: gateway.limits._places.ads == 1)
        draining = asyncio.ensure_future(gateway.draining.drain(gateway.servers))
        await until(lambda: gateway.limits.stopping)
        gateway.pool.open.set()
        assert await draining == []
        answer = DataRequest(await socket.recv())
        assert len(answer.data._content.docs.docs) == 1
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1012


async def test_new_connections_are_not_taken() -> None:
    async with running() as gateway:
        await gateway.draining.drain(gateway.servers)
        for port in gateway.ports.values():
            with pytest.raises(OSError, match=r"."):
                await asyncio.open_connection("127.0.0.1", port)


async def test_what_does_not_finish_is_told_to_its_clients_and_to_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(drain_s=0.2) as gateway, http(gateway) as client, stream(gateway) as socket:
        async with channel(gateway) as rpc:
            gateway.pool.open.clear()
            posted = asyncio.ensure_future(client.post("/v1/review", json=ADS))
            await socket.send(json.dumps({"op": "review", **ADS}))
            stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(rpc)
            called = stub.process_single_data(request_of(*"abcdefgh"))
            await until(lambda: gateway.limits._places.ads == 24)
            assert await gateway.draining.drain(gateway.servers) == [Unfinished("open", 3, 24)]
            answer = await posted
            assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
            assert json.loads(await socket.recv())["code"] == "shutting_down"
            assert Code.SHUTTING_DOWN in (await called).header.status.description
        assert gateway.pool.ledger == 0
    assert (
        "stopped before 3 requests with 24 ads could be finished: open (3 requests, 24 ads)"
        in caplog.messages
    )


async def test_health_says_that_it_is_stopping() -> None:
    async with running() as gateway, http(gateway) as client:
        assert (await client.get("/")).status_code == 200
        gateway.limits.stop()
        answer = await client.get("/health")
        assert answer.status_code == 503


def test_the_line_names_callers_with_most_first() -> None:
    left = [Unfinished("key:a", 1, 1), Unfinished("key:b", 2, 1_500)]
    assert told(left) == (
        "stopped before 3 requests with 1,501 ads could be finished: "
        "key:b (2 requests, 1,500 ads), key:a (1 request, 1 ad)"
    )
