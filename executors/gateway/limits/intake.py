"""Round the HTTP application: bodies that are too slow or too many, and clients that leave."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adjudicate.errors import Code, RequestError
from executors.gateway.limits.budget import Held
from executors.gateway.limits.callers import CallerLimits
from executors.shared.settings import LimitSettings


class Intake:
    """An ASGI application round another. What it refuses is raised where the body is read."""

    def __init__(self, app: ASGIApp, limits: CallerLimits, settings: LimitSettings) -> None:
        self._app = app
        self._limits = limits
        self._settings = settings
        self.cancelled = 0
        """Requests whose client left before it was answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        with self._limits.bodies.hold() as held:
            request = _Request(receive, send, _length(scope), held, self._limits, self._settings)
            watcher = asyncio.ensure_future(request.cancel_when_gone(task))
            try:
                await self._app(scope, request.receive, request.send)
            except asyncio.CancelledError:
                if not request.gone or task.uncancel():
                    raise
                self.cancelled += 1
            finally:
                watcher.cancel()


class _Request:
    def __init__(
        self,
        receive: Receive,
        send: Send,
        length: int | None,
        held: Held,
        limits: CallerLimits,
        settings: LimitSettings,
    ) -> None:
        self._receive = receive
        self._send = send
        self._length = length
        self._held = held
        self._limits = limits
        self._patience = settings.body_s
        self._rate = settings.body_rate
        self._started = False
        self._whole = asyncio.Event()
        self._left = asyncio.Event()
        self._answered = False
        self.gone = False

    async def receive(self) -> Message:
        """The next part of the body.

        Raises `RequestError` `request_timeout` and `ServiceError` `overloaded`, `shutting_down`.
        """
        if self._whole.is_set():
            await self._left.wait()
            return {"type": "http.disconnect"}
        if self._length == 0:
            self._whole.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self._started:
            self._started = True
            self._admit()
        message = await self._next()
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self._held.add(size)
            self._patience += size / self._rate
            if message.get("more_body"):
                return message
        self._whole.set()
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on; while the gateway stops, it is its connection's last."""
        if message["type"] == "http.response.start" and self._limits.stopping:
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._answered = True

    async def cancel_when_gone(self, task: asyncio.Task[Any]) -> None:
        """Cancel the request's task when its client disconnects before it is answered."""
        if self._length != 0:
            await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left.set()
        if not self._answered:
            self.gone = True
            task.cancel()

    def _admit(self) -> None:
        self._limits.check()
        self._limits.bodies.check(self._length or 0)

    async def _next(self) -> Message:
        loop = asyncio.get_running_loop()
        before = loop.time()
        try:
            async with asyncio.timeout(self._patience):
                return await self._receive()
        except TimeoutError:
            raise RequestError(Code.REQUEST_TIMEOUT, "The body came too slowly.") from None
        finally:
            self._patience -= loop.time() - before


def _length(scope: Scope) -> int | None:
    """What the headers say of the body: its bytes, 0 for none, None for what only its end tells."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    declared = headers.get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else None
