"""Over one WebSocket: requests and decisions are JSON text frames, matched by request id."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Close, CloseCode

from adjudicate.documents import Ad, Decision
from adjudicate.errors import AdjudicateError, Code, ServiceError, fault
from adjudicate.transports.address import Address
from adjudicate.transports.faults import (
    from_status,
    from_text,
    interrupted,
    known_code,
    seconds_to_wait,
    unreachable,
)
from adjudicate.transports.json import JsonTransport, with_ads
from adjudicate.transports.parts import read
from adjudicate.transports.tls import Tls

ROUTE = "/v1/stream"
OPEN_S = 10.0
"""Seconds until a host that does not even refuse counts as unreachable."""

Frame = dict[str, Any]


def _without_key(record: logging.LogRecord) -> bool:
    """The handshake's headers are logged at debug level: all but the key."""
    args = record.args
    if isinstance(args, tuple) and len(args) == 2 and str(args[0]).lower() == "authorization":
        record.args = (args[0], "(not shown)")
    return True


_LOGGER = logging.getLogger("adjudicate.websocket")
_LOGGER.addFilter(_without_key)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """None is followed: the key would go along to wherever it leads."""
        return exc


class WebSocketTransport(JsonTransport):
    """One connection, opened at the first request and again after it broke."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], tls: Tls | None = None
    ) -> None:
        self._address = address
        self._ssl = tls.context() if tls else None
        self._headers = dict(headers)
        self._connection: ClientConnection | None = None
        self._opening = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Queue[Frame | AdjudicateError]] = {}
        self._ids = itertools.count(1)

    async def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """Each decision as soon as it is ready."""
        left = set(range(len(ads)))
        async for frame in self._exchange("review", {}, ads):
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

    async def _exchange(
        self, op: str, body: dict[str, Any], ads: Sequence[Ad] = ()
    ) -> AsyncIterator[Frame]:
        """Send a request and yield its frames; the caller stops at the last one."""
        request_id = str(next(self._ids))
        frames: asyncio.Queue[Frame | AdjudicateError] = asyncio.Queue()
        connection = await self._connect()
        self._waiting[request_id] = frames
        try:
            asked = {"op": op, "request_id": request_id, **body}
            sent = with_ads(asked, ads) if ads else json.dumps(asked)
            with suppress(ConnectionClosed):  # the reader says why, to all who wait
                await connection.send(sent, text=True)
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
                self._connection = await _Connect(
                    url,
                    additional_headers=self._headers,
                    ssl=self._ssl,
                    logger=_LOGGER,
                    max_size=None,  # the library's pictures come in one frame
                    open_timeout=OPEN_S,
                    compression=None,  # pictures are compressed already
                    proxy=None if address.loopback else True,
                )
            except InvalidStatus as error:
                answer = error.response
                raise from_status(answer.status_code, _json(answer.body), answer.headers) from error
            except (OSError, InvalidHandshake, EOFError) as error:
                raise unreachable(address, error) from error
            self._reader = asyncio.create_task(self._read(self._connection))
            return self._connection

    async def _read(self, connection: ClientConnection) -> None:
        """Hand each frame to the request that it answers; at the end tell all that still wait."""
        end: AdjudicateError = interrupted(self._address)
        try:
            async for text in connection:
                self._dispatch(json.loads(text))
            end = self._ended(connection.close_code, connection.close_reason)
        except ConnectionClosed as error:
            said = error.rcvd or Close(CloseCode.ABNORMAL_CLOSURE, "")
            end = self._ended(said.code, said.reason, error)
        except ValueError:
            await connection.close()
        finally:
            for frames in self._waiting.values():
                frames.put_nowait(end)

    def _ended(
        self, code: int | None, reason: str | None, error: ConnectionClosed | None = None
    ) -> AdjudicateError:
        """Why the service closed the connection: a key that has expired, a frame too large."""
        if code == CloseCode.MESSAGE_TOO_BIG:
            return fault(Code.REQUEST_TOO_LARGE)
        return from_text(reason or "") or interrupted(self._address, error)

    def _dispatch(self, frame: Frame) -> None:
        answer: Frame | AdjudicateError = frame
        if frame.get("type") == "error":
            code = known_code(frame.get("code"))
            detail = str(frame.get("detail") or "")
            wait = seconds_to_wait(frame.get("retry_after"))
            answer = (
                fault(code, detail, retry_after=wait, trace_id=frame.get("trace_id"))
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
        ended = self._reader is not None and self._reader.done()
        if self._connection is not None and not ended:
            await self._connection.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader


def _json(body: bytes | bytearray | None) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        return None
