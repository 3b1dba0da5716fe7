"""Over one WebSocket: requests and decisions are JSON text frames, matched by request id."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from adjudicate.documents import Ad, Decision
from adjudicate.errors import AdjudicateError, Code, ServiceError
from adjudicate.transports.address import Address
from adjudicate.transports.faults import fault, from_status, interrupted, known_code, unreachable
from adjudicate.transports.json import JsonTransport, ads_body, read

ROUTE = "/v1/stream"
OPEN_S = 10.0
"""Seconds until a host that does not even refuse counts as unreachable."""

Frame = dict[str, Any]


class WebSocketTransport(JsonTransport):
    """One connection, opened at the first request and again after it broke."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = dict(headers)
        self._connection: ClientConnection | None = None
        self._opening = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Queue[Frame | AdjudicateError]] = {}
        self._ids = itertools.count(1)

    async def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """Each decision as soon as it is ready."""
        left = set(range(len(ads)))
        async for frame in self._exchange("review", ads_body(ads)):
            if frame.get("type") == "end":
                break
            index = frame.get("index")
            if index not in left:
                detail = f"A decision for ad {index} of {len(ads)} that is not awaited."
                raise ServiceError(Code.INTERNAL, detail)
            left.discard(index)
            yield index, read(Decision, frame.get("decision"))
        if left:
            raise ServiceError(Code.INTERNAL, f"{len(left)} of {len(ads)} ads have no decision.")

    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """One operation with one answer."""
        async for frame in self._exchange(op, body):
            answer = frame.get("body")
            return answer if isinstance(answer, dict) else {}
        raise interrupted(self._address)

    async def _exchange(self, op: str, body: dict[str, Any]) -> AsyncIterator[Frame]:
        """Send a request and yield its frames; the caller stops at the last one."""
        request_id = str(next(self._ids))
        frames: asyncio.Queue[Frame | AdjudicateError] = asyncio.Queue()
        connection = await self._connect()
        self._waiting[request_id] = frames
        try:
            try:
                await connection.send(json.dumps({"op": op, "request_id": request_id, **body}))
            except ConnectionClosed as error:
                raise interrupted(self._address) from error
            while True:
                frame = await frames.get()
                if isinstance(frame, AdjudicateError):
                    raise frame
                yield frame
        finally:
            self._waiting.pop(request_id, None)

    async def _connect(self) -> ClientConnection:
        async with self._opening:
            if self._connection is not None and self._reader and not self._reader.done():
                return self._connection
            address = self._address
            url = f"{'wss' if address.tls else 'ws'}://{address.target}{address.path}{ROUTE}"
            try:
                self._connection = await connect(
                    url,
                    additional_headers=self._headers,
                    max_size=None,  # the library's pictures come in one frame
                    open_timeout=OPEN_S,
                    compression=None,  # pictures are compressed already
                    proxy=None if address.loopback else True,
                )
            except InvalidStatus as error:
                raise from_status(error.response.status_code, None) from error
            except (OSError, InvalidHandshake, EOFError) as error:
                raise unreachable(address) from error
            self._reader = asyncio.create_task(self._read(self._connection))
            return self._connection

    async def _read(self, connection: ClientConnection) -> None:
        """Hand each frame to the request that it answers; at the end tell all that still wait."""
        try:
            async for text in connection:
                self._dispatch(json.loads(text))
        except (ConnectionClosed, ValueError):
            await connection.close()
        finally:
            for frames in self._waiting.values():
                frames.put_nowait(interrupted(self._address))

    def _dispatch(self, frame: Frame) -> None:
        answer: Frame | AdjudicateError = frame
        if frame.get("type") == "error":
            code = known_code(frame.get("code"))
            detail = str(frame.get("detail") or "")
            answer = (
                fault(code, detail)
                if code is not None
                else from_status(int(frame.get("status") or 500), frame)
            )
        request_id = frame.get("request_id")
        if request_id is None and isinstance(answer, AdjudicateError):
            # A frame that the service could not even read belongs to no request: all hear of it.
            for frames in self._waiting.values():
                frames.put_nowait(answer)
        elif (waiting := self._waiting.get(str(request_id))) is not None:
            waiting.put_nowait(answer)

    async def close(self) -> None:
        """Close the connection and wait for its reader."""
        if self._connection is not None:
            await self._connection.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
