"""HTTP connections that may not take for ever: uvicorn 0.23 times only idle ones.

Who opens a connection and says nothing, sends its headers or its unwanted body in drops, or does
not read its answer, loses the connection. Bodies that are wanted are timed by `Intake`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError
from executors.gateway.limits.refusals import overloaded
from executors.gateway.telemetry.asked import refused_unasked
from executors.shared.settings import LimitSettings

LINGER_S = 2.0
"""After an answer that ends a connection: closing at once would make the kernel throw it away, as
long as the other side still sends."""


class TimedHttp(H11Protocol):
    """A connection. Take a subclass by `timed_http`, which uvicorn calls itself."""

    limits: LimitSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers_due: asyncio.TimerHandle | None = None
        self._unread_due: asyncio.TimerHandle | None = None
        self._write_due: asyncio.TimerHandle | None = None
        self._unwritten = 0
        self._ended = False

    def connection_made(self, transport: Any) -> None:
        """Refuse one too many; else wait for headers."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._end(overloaded("The service has as many connections open as it may."))
        else:
            self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Time each request's headers from its first byte."""
        if self._ended:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            _cancel(self._headers_due)
            self._headers_due = None
        elif self._headers_due is None and not self.transport.is_closing():
            # Of a request that has begun, or of the next after a body that nobody read.
            self._await_headers()
        if self.conn.their_state is not h11.SEND_BODY:
            _cancel(self._unread_due)

    def on_response_complete(self) -> None:
        """Take what still comes of a body that nobody reads for as long as one that somebody does.

        Closing at once, a client that has not sent all of it might never see its answer.
        """
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._unread_due = self.loop.call_later(self.limits.body_s, self.transport.close)

    def pause_writing(self) -> None:
        """The other side does not read as fast as it is answered."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        _cancel(self._write_due)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        for timer in (self._headers_due, self._unread_due, self._write_due):
            _cancel(timer)
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._headers_due = self.loop.call_later(self.limits.header_s, self._headers_late)

    def _headers_late(self) -> None:
        self._headers_due = None
        if self.transport.is_closing() or self._ended:
            return
        if self.conn.trailing_data[0]:
            self._end(RequestError(Code.REQUEST_TIMEOUT, "The headers came too slowly."))
        else:
            self.transport.close()

    def _await_reader(self) -> None:
        self._unwritten = self.transport.get_write_buffer_size()
        self._write_due = self.loop.call_later(self.limits.body_s, self._reader_late)

    def _reader_late(self) -> None:
        if self.transport.get_write_buffer_size() < self._unwritten:
            self._await_reader()
        else:
            self.transport.abort()

    def _end(self, error: AdjudicateError) -> None:
        """Answer before there is a request, and close when that can have been read."""
        self._ended = True
        refused_unasked("http", error)
        self.transport.write(_bare(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unread_due = self.loop.call_later(LINGER_S, self.transport.close)


def timed_http(limits: LimitSettings) -> type[TimedHttp]:
    """The protocol class for uvicorn's `http` setting."""
    return type("TimedHttp", (TimedHttp,), {"limits": limits})


def http_arguments(limits: LimitSettings) -> dict[str, Any]:
    """uvicorn's settings of an HTTP port."""
    return {
        "http": timed_http(limits),
        "timeout_keep_alive": limits.idle_s,
        "timeout_graceful_shutdown": LINGER_S,
        "log_config": None,  # its loggers are the process's own, and write as all others do
    }


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _bare(error: AdjudicateError) -> bytes:
    """Problem details as HTTP's bytes, where there is no application to answer."""
    status = STATUS[error.code]
    body = orjson.dumps(
        {
            "type": f"urn:adjudicate:problem:{error.code}",
            "title": status.title,
            "status": status.http,
            "detail": error.detail,
            "code": str(error.code),
        }
    )
    retry = "" if error.retry_after is None else f"retry-after: {error.retry_after:.0f}\r\n"
    head = (
        f"HTTP/1.1 {status.http} {error.code}\r\n"
        f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        f"{retry}connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
