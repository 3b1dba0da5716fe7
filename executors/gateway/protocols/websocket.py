"""`/v1/stream`: JSON frames over WebSocket, one per decision, as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body, parse_body
from executors.gateway.protocols.library import id_of, library_operations
from executors.gateway.protocols.models import model_operations
from executors.gateway.protocols.thresholds import threshold_operations

MAX_PENDING = 32
"""Operations of one connection that are under way; further frames wait in the socket."""


def add_stream_route(app: FastAPI, api: Api) -> None:
    """Put `/v1/stream` on the application that serves Jina's own WebSocket clients."""

    @app.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await _Connection(websocket, api).serve()


class _Connection:
    """One client: reads frames, runs their operations side by side, writes frames in turn."""

    def __init__(self, websocket: WebSocket, api: Api) -> None:
        self._websocket = websocket
        self._api = api
        self._writing = asyncio.Lock()
        self._places = asyncio.Semaphore(MAX_PENDING)
        self._running: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Callable[[Body], Awaitable[Body]]] = {
            "embed": api.embed,
            "rank": api.ranking.rank,
            "classify": api.ranking.classify,
            "search": api.search,
            **library_operations(api.library),
            **threshold_operations(api.thresholds),
            **model_operations(api.models),
            "decision": lambda body: api.decision(id_of(body)),
            "decisions": api.decisions,
            "status": lambda body: api.status(),
        }

    async def serve(self) -> None:
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._places.acquire()
                frame = message.get("text") or message.get("bytes") or ""
                task = asyncio.ensure_future(self._run(frame))
                self._running.add(task)
                task.add_done_callback(self._finished)
        except WebSocketDisconnect:
            pass
        finally:
            for task in self._running:
                task.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._places.release()

    async def _run(self, frame: str | bytes) -> None:
        request_id: Any = None
        try:
            body = parse_body(frame)
            request_id = body.pop("request_id", None)
            operation = str(body.pop("op", ""))
            if operation == "review":
                await self._review(body, request_id)
            elif operation in self._operations:
                answer = await self._operations[operation](body)
                await self._send({"type": "result", "request_id": request_id, "body": answer})
            else:
                known = ", ".join(("review", *self._operations))
                raise RequestError(Code.MALFORMED, f"op must be one of {known}")
        except AdjudicateError as error:
            await self._send(_error(request_id, error.code, error.detail))
        except (WebSocketDisconnect, RuntimeError):
            return  # the client has gone; there is nobody to tell

    async def _review(self, body: Body, request_id: Any) -> None:
        async with aclosing(self._api.review_each(body)) as decided:
            async for index, decision in decided:
                frame = {"type": "decision", "request_id": request_id, "index": index}
                await self._send({**frame, "decision": decision})
        await self._send({"type": "end", "request_id": request_id})

    async def _send(self, frame: Body) -> None:
        async with self._writing:
            await self._websocket.send_text(orjson.dumps(frame).decode())


def _error(request_id: Any, code: Code, detail: str) -> Body:
    return {
        "type": "error",
        "request_id": request_id,
        "code": str(code),
        "status": STATUS[code].http,
        "detail": detail,
    }
