"""A client that leaves: what it asked for is not sent to a room, or cancelled there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import httpx
import pytest
import websockets
from jina.proto import jina_pb2_grpc

from tests.gateway.limits.gateway import Gateway, request_of, running, until


def review(texts: list[str]) -> dict[str, Any]:
    return {"ads": [{"text": text} for text in texts]}


MANY = [f"ad {n}" for n in range(40)]
SLOW = {"ads_in_flight": 40, "ads_in_flight_per_caller": 40}


async def leave_http(gateway: Gateway) -> None:
    """Ask, and close the connection when the first ads are in a room."""
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.ports["http"])
    body = json.dumps(review(MANY)).encode()
    writer.write(
        b"POST /v1/review HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    await until(lambda: gateway.pool.asked)
    writer.close()


async def leave_websocket(gateway: Gateway) -> None:
    url = f"ws://127.0.0.1:{gateway.ports['ws']}/v1/stream"
    async with websockets.connect(url) as connection:
        await connection.send(json.dumps({"op": "review", **review(MANY)}))
        await until(lambda: gateway.pool.asked)


async def leave_jinas_websocket(gateway: Gateway) -> None:
    url = f"ws://127.0.0.1:{gateway.ports['ws']}/"
    async with websockets.connect(url, subprotocols=["bytes"]) as connection:  # type: ignore[list-item]
        await connection.send(request_of(*MANY).proto.SerializeToString())
        await until(lambda: gateway.pool.asked)


async def leave_grpc(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports['grpc']}") as channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
        call = stub.process_single_data(request_of(*MANY))
        await until(lambda: gateway.pool.asked)
        call.cancel()


async def leave_stream(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.ports['grpc']}") as channel:
        call = jina_pb2_grpc.JinaRPCStub(channel).Call()
        await call.write(request_of(*MANY))
        await until(lambda: gateway.pool.asked)
        call.cancel()


LEAVING = [leave_http, leave_websocket, leave_jinas_websocket, leave_grpc, leave_stream]


@pytest.mark.parametrize("leave", LEAVING)
async def test_the_work_of_a_client_that_left_is_ended_and_its_places_are_free(leave: Any) -> None:
    async with running(**SLOW) as gateway:
        gateway.pool.open.clear()
        await leave(gateway)
        async with asyncio.timeout(5):
            assert await gateway.limits.drained(5) == []
        await until(lambda: not gateway.limits.bodies.used)
        gateway.pool.open.set()
        await asyncio.sleep(0.05)
        # What had reached the encoder is not sent on, and what had not is not sent at all.
        assert gateway.pool.ledger == 0
        assert gateway.pool.asked <= 40


async def test_of_a_merged_message_only_the_part_of_who_left_is_dropped() -> None:
    async with running(**SLOW) as gateway:
        gateway.pool.open.clear()
        address = f"127.0.0.1:{gateway.ports['grpc']}"
        async with grpc.aio.insecure_channel(address) as channel:
            stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
            calls = [stub.process_single_data(request_of(f"ad {n}")) for n in range(8)]
            await until(lambda: gateway.pool.asked == 8)
            calls[3].cancel()
            await until(lambda: sum(one.ads for one in gateway.limits._places.unfinished()) == 7)
            gateway.pool.open.set()
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(answers[3], asyncio.CancelledError)
        kept = [answer for n, answer in enumerate(answers) if n != 3]
        assert [len(answer.data._content.docs.docs) for answer in kept] == [1] * 7  # type: ignore[union-attr]
        assert gateway.pool.ledger == 7


async def test_who_stays_is_answered_and_its_watcher_does_not_cancel_it() -> None:
    async with running() as gateway:
        url = f"http://127.0.0.1:{gateway.ports['http']}"
        async with httpx.AsyncClient(base_url=url) as client:
            for _ in range(3):
                answer = await client.post("/v1/review", json=review(["a", "b"]))
                assert len(answer.json()["decisions"]) == 2
            assert (await client.get("/")).status_code == 200


async def test_a_client_that_leaves_while_it_waits_at_the_door_asks_no_room() -> None:
    async with running(ads_in_flight=4, ads_in_flight_per_caller=4) as gateway:
        gateway.pool.open.clear()
        url = f"http://127.0.0.1:{gateway.ports['http']}"
        async with httpx.AsyncClient(base_url=url) as client:
            first = asyncio.ensure_future(client.post("/v1/review", json=review(list("abcd"))))
            await until(lambda: gateway.pool.asked == 4)
            second = asyncio.ensure_future(client.post("/v1/review", json=review(list("efgh"))))
            await until(lambda: gateway.limits._places.waiting == 4)
            second.cancel()
            await until(lambda: gateway.limits._places.waiting == 0)
            gateway.pool.open.set()
            assert (await first).status_code == 200
        assert gateway.pool.asked == 4
