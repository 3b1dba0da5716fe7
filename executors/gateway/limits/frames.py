"""WebSocket connections whose messages count as bytes that are held."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol
from websockets.legacy.framing import Frame

from adjudicate.errors import AdjudicateError, Code
from executors.gateway.limits.budget import Held
from executors.gateway.limits.callers import CallerLimits
from executors.gateway.limits.connections import LINGER_S
from executors.gateway.telemetry.asked import refused_unasked
from executors.shared.settings import LimitSettings

NORMAL, SERVICE_RESTART, TRY_AGAIN_LATER = 1000, 1012, 1013
"""Close codes of RFC 6455 and its registry."""
_PART = 64 * 1024


class CountedWebSocket(WebSocketProtocol):
    """A connection. Take a subclass by `counted_websocket`, which uvicorn calls itself.

    A message counts while it arrives and until the next one is asked for: by then whoever took it
    counts it. One that finds no room closes the connection with 1013. What the application does for
    a connection ends with it.
    """

    limits: CallerLimits

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bodies = self.limits.bodies
        self._arriving = Held(self.bodies)
        self._arrived: list[Held] = []
        self._taken = Held(self.bodies)
        self._inner = self.app
        self.app = self._served
        self._serving: asyncio.Task[Any] | None = None
        self._gone = False

    async def read_frame(self, max_size: int | None) -> Frame:
        """As websockets', but that each part is counted as it comes."""
        return await Frame.read(
            self._counted, mask=True, max_size=max_size, extensions=self.extensions
        )

    async def read_message(self) -> Any:
        """A whole message; None at the end."""
        message = await super().read_message()
        self._arrived.append(self._arriving)
        self._arriving = Held(self.bodies)
        return message

    async def recv(self) -> Any:
        """The next message, when the one before is not needed any more."""
        self._taken.release()
        message = await super().recv()
        if self._arrived:
            self._taken = self._arrived.pop(0)
        return message

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """As websockets', but that a connection which the stopping gateway ends says so."""
        stopping = code == NORMAL and self.limits.stopping
        await super().close(SERVICE_RESTART if stopping else code, reason)

    def fail_connection(self, code: int = 1006, reason: str = "") -> None:
        """Close, and do not wait long for what is not read any more."""
        super().fail_connection(code, reason)
        self._arriving.release()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is held or done for a connection that is no more."""
        for held in (self._arriving, *self._arrived, self._taken):
            held.release()
        super().connection_lost(exc)
        if self._serving is not None and not self.lost_connection_before_handshake:
            self._gone = True
            self._serving.cancel()

    async def _served(self, scope: Any, receive: Any, send: Any) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self._serving = task
        try:
            await self._inner(scope, receive, send)
        except asyncio.CancelledError:
            if not self._gone or task.uncancel():
                raise
        finally:
            self._serving = None

    async def _counted(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = await self.reader.readexactly(min(size - len(parts), _PART))
            try:
                self._arriving.add(len(part))
            except AdjudicateError as refusal:
                refused_unasked("ws", refusal)
                self.fail_connection(TRY_AGAIN_LATER, f"{Code.OVERLOADED}: {refusal.detail}"[:120])
                await asyncio.sleep(LINGER_S)  # `fail_connection` cancels this
                raise
            parts += part
        return bytes(parts)


def counted_websocket(
    limits: CallerLimits, base: type[WebSocketProtocol] = WebSocketProtocol
) -> type[WebSocketProtocol]:
    """The protocol class for uvicorn's `ws` setting, over another one."""
    return type("CountedWebSocket", (CountedWebSocket, base), {"limits": limits})


def websocket_arguments(
    limits: LimitSettings, protocol: type[WebSocketProtocol], max_bytes: int
) -> dict[str, Any]:
    """uvicorn's settings of a WebSocket port.

    One message waits beside the one that is read, since each may have `max_bytes`. None is
    compressed: pictures are already, and a small frame that grows would not be counted.
    """
    return {
        "ws": protocol,
        "ws_max_size": max_bytes,
        "ws_max_queue": 1,
        "ws_ping_interval": limits.ping_s,
        "ws_ping_timeout": limits.ping_s,
        "ws_per_message_deflate": False,
    }
