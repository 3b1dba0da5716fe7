"""The application's own view: what it receives, and when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adjudicate.errors import Code, RequestError
from executors.gateway.limits.callers import limits_of
from executors.gateway.limits.intake import Intake
from executors.shared.settings import GatewaySettings, LimitSettings

Message = dict[str, Any]
GONE = {"type": "http.disconnect"}
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"done"}


def part(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Server:
    """What uvicorn is to an application: messages come as they are put in."""

    def __init__(self, *messages: Message, length: int | None = 0) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self._messages.put_nowait(message)
        headers = [] if length is None else [(b"content-length", b"%d" % length)]
        headers += [(b"transfer-encoding", b"chunked")] if length is None else []
        self.scope = {"type": "http", "headers": headers}
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return await self._messages.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message == BODY:
            self._messages.put_nowait(GONE)  # as uvicorn says when it has sent an answer

    def leave(self) -> None:
        self._messages.put_nowait(GONE)


def intake(app: Callable[..., Awaitable[None]], **settings: Any) -> Intake:
    chosen = LimitSettings(**settings)
    return Intake(app, limits_of(chosen, GatewaySettings()), chosen)


@pytest.mark.parametrize("length", [0, None])
async def test_who_is_answered_is_not_taken_for_gone(length: int | None) -> None:
    finished = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == part(b"")
        await send(START)
        await send(BODY)
        await asyncio.sleep(0.01)  # such as a background task
        finished.append(True)

    server = Server(part(b""), length=length)
    door = intake(app)
    await door(server.scope, server.receive, server.send)
    assert finished == [True]
    assert door.cancelled == 0


@pytest.mark.parametrize("length", [0, 4])
async def test_who_leaves_has_its_work_cancelled_and_others_cancel_as_ever(length: int) -> None:
    working = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        working.set()
        await asyncio.sleep(60)

    door = intake(app)
    server = Server(part(b"body"[:length]), length=length)
    task = asyncio.ensure_future(door(server.scope, server.receive, server.send))
    await working.wait()
    server.leave()
    async with asyncio.timeout(5):
        await task
    assert door.cancelled == 1

    working.clear()
    server = Server(part(b"body"[:length]), length=length)
    task = asyncio.ensure_future(door(server.scope, server.receive, server.send))
    await working.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert door.cancelled == 1


async def test_an_application_that_waits_for_the_end_hears_of_it() -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["type"])
        try:
            heard.append((await receive())["type"])
        finally:
            heard.append("ended")

    server = Server(part(b"body"), length=4)
    task = asyncio.ensure_future(intake(app)(server.scope, server.receive, server.send))
    await asyncio.sleep(0.01)
    assert heard == ["http.request"]
    server.leave()
    await task
    assert heard[-1] == "ended"


async def test_time_that_the_application_takes_is_not_the_clients() -> None:
    read = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            read.append((await receive())["body"])
            await asyncio.sleep(0.15)

    server = Server(part(b"a", True), part(b"b", True), part(b"c"), length=3)
    await intake(app, body_s=0.1)(server.scope, server.receive, server.send)
    assert read == [b"a", b"b", b"c"]


async def test_a_client_that_stops_in_the_middle_is_timed() -> None:
    refused = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await receive()
        except RequestError as error:
            refused.append(error.code)

    server = Server(part(b"a", True), length=3)
    door = intake(app, body_s=0.05)
    await door(server.scope, server.receive, server.send)
    assert refused == [Code.REQUEST_TIMEOUT]
    assert door._limits.bodies.used == 0
