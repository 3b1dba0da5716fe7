"""A WebSocket's handshake that is refused with an HTTP response of our own.

uvicorn knows only one refusal, an empty 403. This adds ASGI's extension for the others
(https://asgi.readthedocs.io/en/latest/extensions.html, WebSocket Denial Response).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

START, BODY = "websocket.http.response.start", "websocket.http.response.body"


class DenyingWebSocket(WebSocketProtocol):
    """uvicorn's protocol with the extension `websocket.http.response`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.debug = False  # it would write every header of a handshake to the log, keys too
        self._refusal: tuple[HTTPStatus, list[tuple[str, str]]] | None = None

    async def run_asgi(self) -> None:
        """Tell the application that it may, and run it."""
        self.scope["extensions"] = {"websocket.http.response": {}}
        await super().run_asgi()

    async def asgi_send(self, message: Any) -> None:
        """Take the response's head and body; all else is uvicorn's."""
        if message["type"] == START:
            headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
            self._refusal = HTTPStatus(message["status"]), headers
        elif message["type"] == BODY and self._refusal is not None:
            self.initial_response = (*self._refusal, message.get("body", b""))
            self.handshake_started_event.set()
            self.closed_event.set()
        else:
            await super().asgi_send(message)
