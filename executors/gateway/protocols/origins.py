"""Which pages in a browser may ask: CORS over HTTP, and the `Origin` of a WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from adjudicate.errors import Code, RequestError
from executors.gateway.protocols.problems import problem
from executors.gateway.telemetry.asked import refused_unasked

_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_SENT = ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "traceparent")
_READ = ("Allow", "Retry-After", "WWW-Authenticate")
_POLICY_VIOLATION = 1008


class Origins:
    """Lets pages of the named origins ask, `*` for all. It stands before the guard: a browser's
    preflight carries no key.

    A page of another origin gets answers that its browser does not show it, as without CORS; its
    WebSocket is refused. Whoever sends no `Origin` is no page.
    """

    def __init__(self, app: Any, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._cors = CORSMiddleware(
            self._passed,
            allow_origins=list(origins),
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
        )

    @property
    def routes(self) -> Any:
        """Of the application. Jina looks for its health check there."""
        return self._app.routes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http":
            await self._cors(scope, receive, send)
        elif scope["type"] == "websocket" and not self._allows(_origin(scope)):
            await _refuse(scope, receive, send)
        else:
            await self._passed(scope, receive, send)

    def _allows(self, origin: str | None) -> bool:
        return origin is None or "*" in self._origins or origin in self._origins

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        # An origin that was named is nobody's concern further in, such as that of a guard which
        # lets only this machine's pages in.
        if "headers" in scope and _origin(scope) is not None and self._allows(_origin(scope)):
            # The scope stays the server's own: what a guard strikes out there is in no log either.
            kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"origin"]
            scope["headers"] = kept
        await self._app(scope, receive, send)


def allow_origins(app: Any, origins: Sequence[str]) -> Any:
    """The application behind `Origins`, where any are named."""
    return Origins(app, origins) if origins else app


def _origin(scope: Scope) -> str | None:
    found = (value for name, value in scope["headers"] if name.lower() == b"origin")
    value = next(found, None)
    return None if value is None else value.decode("latin-1")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    error = RequestError(Code.FORBIDDEN, "pages of this origin may not ask")
    refused_unasked("ws", error)
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    answer = problem(error)
    start = {"status": answer.status_code, "headers": answer.raw_headers}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": answer.body})
