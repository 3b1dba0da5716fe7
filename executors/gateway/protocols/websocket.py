"""`/v1/stream`: JSON frames over WebSocket, one per decision, as soon as it is there.

The frames stand in docs/http.md.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from opentelemetry.semconv.attributes.http_attributes import HTTP_ROUTE
from opentelemetry.trace import SpanKind

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError, ServiceError
from executors.gateway.limits.budget import ByteBudget
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body, parse_body
from executors.gateway.protocols.operations import operations_of
from executors.gateway.protocols.problems import install_problems, retry_after_of
from executors.gateway.protocols.reader import known
from executors.gateway.telemetry.asked import Asked, asked
from executors.gateway.telemetry.tracing import anew, name_operation, request_span
from executors.shared.telemetry.spans import Form
from executors.shared.telemetry.tracing import current_trace_id

SUBPROTOCOL = "adjudicate.v1"
"""Chosen where the client offers it; one that offers none gets none."""

MAX_PENDING = 32
"""Operations of one connection that are under way; further frames wait in the socket."""

_JINA = "/"
_ROUTE = "/v1/stream"
_FORM = Form(_ROUTE, SpanKind.SERVER, {HTTP_ROUTE: _ROUTE})
_log = logging.getLogger(__name__)


def add_stream_route(app: FastAPI, api: Api, bodies: ByteBudget) -> None:
    """Put `/v1/stream` on the application that serves Jina's own WebSocket clients, and take off
    what it serves beside them: its routes of HTTP tell about this machine.

    A frame counts in `bodies` until it is answered.
    """
    app.router.routes = [route for route in app.routes if getattr(route, "path", "") == _JINA]
    install_problems(app)

    @app.websocket(_ROUTE)
    async def stream(websocket: WebSocket) -> None:
        offered = websocket.scope.get("subprotocols") or []
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await _Connection(websocket, api, bodies).serve()


class _Connection:
    """One client: reads frames, runs their operations side by side, writes frames in turn."""

    def __init__(self, websocket: WebSocket, api: Api, bodies: ByteBudget) -> None:
        self._websocket = websocket
        self._api = api
        self._bodies = bodies
        self._writing = asyncio.Lock()
        self._places = asyncio.Semaphore(MAX_PENDING)
        self._running: set[asyncio.Task[None]] = set()
        self._operations = operations_of(api)

    async def serve(self) -> None:
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._places.acquire()
                frame = message.get("text") or message.get("bytes") or ""
                self._bodies.change(len(frame))
                task = asyncio.ensure_future(self._run(frame))
                self._running.add(task)
                task.add_done_callback(partial(self._finished, len(frame)))
        except WebSocketDisconnect:
            pass
        finally:
            for task in self._running:
                task.cancel()

    def _finished(self, size: int, task: asyncio.Task[None]) -> None:
        self._bodies.change(-size)
        self._running.discard(task)
        self._places.release()

    async def _run(self, frame: str | bytes) -> None:
        with anew(), request_span(_FORM), asked("ws") as request:
            await self._answer_or_refuse(frame, request)

    async def _answer_or_refuse(self, frame: str | bytes, request: Asked) -> None:
        request_id: Any = None
        try:
            body = parse_body(frame)
            request_id = body.pop("request_id", None)
            await self._answer(str(body.pop("op", "")), body, request_id)
            return
        except AdjudicateError as error:
            refusal = error
        except (WebSocketDisconnect, RuntimeError):
            request.counts = False
            return  # the client has gone; there is nobody to tell
        except Exception:
            _log.exception("an operation of /v1/stream failed")
            refusal = ServiceError(Code.INTERNAL, "the service failed; the log has the details")
        request.refused(refusal)
        await self._refuse(request_id, refusal)

    async def _answer(self, name: str, body: Body, request_id: Any) -> None:
        if name == "review":
            name_operation(_ROUTE, name)
            await self._review(known(body, "Review"), request_id)
            return
        operation = self._operations.get(name)
        if operation is None:
            among = ", ".join(("review", *self._operations))
            raise RequestError(Code.MALFORMED, f"op must be one of {among}")
        name_operation(_ROUTE, name)
        answer = await operation(body)
        await self._send({"type": "result", "request_id": request_id, "body": answer})

    async def _review(self, body: Body, request_id: Any) -> None:
        async with aclosing(self._api.review_each(body)) as decided:
            async for index, decision in decided:
                frame = {"type": "decision", "request_id": request_id, "index": index}
                await self._send({**frame, "decision": decision})
        await self._send({"type": "end", "request_id": request_id})

    async def _refuse(self, request_id: Any, error: AdjudicateError) -> None:
        try:
            await self._send(error_frame(request_id, error))
        except (WebSocketDisconnect, RuntimeError):
            return  # the client has gone; there is nobody to tell

    async def _send(self, frame: Body) -> None:
        async with self._writing:
            await self._websocket.send_text(orjson.dumps(frame).decode())


def error_frame(request_id: Any, error: AdjudicateError) -> Body:
    """The frame that ends a request instead of its result. `retry_after` (whole seconds) is there
    where waiting helps."""
    status = STATUS[error.code]
    frame: Body = {
        "type": "error",
        "request_id": request_id,
        "code": str(error.code),
        "status": status.http,
        "title": status.title,
        "detail": error.detail,
        "trace_id": current_trace_id(),
    }
    wait = retry_after_of(error)
    return frame if wait is None else {**frame, "retry_after": wait}
