"""The guard before HTTP and WebSocket: pure ASGI, outside of everything, traces too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from fastapi import Response

from adjudicate.errors import AdjudicateError
from executors.gateway.access.authenticator import Authenticator
from executors.gateway.access.credentials import (
    BEARER,
    PROTOCOL,
    credential_of,
    refuse_in_query,
    without_credentials,
)
from executors.gateway.access.loopback import refuse_strangers
from executors.gateway.access.sessions import Sessions
from executors.gateway.caller import CALLER, OPEN, Caller
from executors.gateway.caller import PROTOCOL as SPOKEN
from executors.gateway.protocols.pages import PAGES
from executors.gateway.protocols.problems import problem
from executors.gateway.telemetry.asked import ASKED, refused_unasked

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PROBES = frozenset({"/", "/health"})
"""Probes read and do no more. A WebSocket at `/` is one of Jina's clients: no probe."""
CONSOLE = "/console"
SESSION = "adjudicate.session"
"""In the scope of the console's requests: the `Session`, or None for who has not signed in."""
_READS = ("GET", "HEAD")

POLICY_VIOLATION = 1008


class Application(Protocol):
    """An ASGI application with routes, as Jina wants to see them."""

    routes: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class HttpGuard:
    """Lets in who has a key or a token, as `CALLER`; where access is open, who is on this machine.

    Whoever is refused gets problem details, 401 or 403, before any of the body is read; a
    WebSocket's handshake is answered the same. The console's pages, and they alone, know a caller
    by the cookie of a session; without one they ask for a key themselves.
    """

    def __init__(
        self,
        app: Application,
        authenticator: Authenticator | None,
        *,
        docs: bool = False,
        sessions: Sessions | None = None,
    ) -> None:
        """`authenticator`: None where access is open. `docs`: whether the pages that describe the
        routes are for everybody, as a browser opens them. `sessions`: of the console, where there
        is one and people sign in to it."""
        self._app = app
        self._authenticator = authenticator
        self._sessions = sessions
        self._exempt = PROBES | PAGES if docs else PROBES

    @property
    def routes(self) -> Any:
        """Of the application. Jina looks for its health check there."""
        return self._app.routes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)  # Jina adds its health check where there is none

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
        except AdjudicateError as error:
            scope["query_string"] = b""  # the server's log of requests comes after this
            if scope["type"] == "websocket":
                refused_unasked("ws", error)
            await _refuse(scope, receive, send, problem(error))
            return
        passed = {**scope, "headers": without_credentials(scope["headers"])}
        if self._sessions is not None:
            passed["headers"] = self._sessions.without_cookie(passed["headers"])
        if scope["type"] == "websocket":
            send = _with_subprotocol(scope, send)
            offers = scope["subprotocols"]
            passed["subprotocols"] = [offer for offer in offers if not offer.startswith(BEARER)]
        if caller is not None and (asked := ASKED.get()) is not None:
            asked.caller = caller.id
        token = CALLER.set(caller)
        spoken = SPOKEN.set("http" if scope["type"] == "http" else "ws")
        try:
            await self._app(passed, receive, send)
        finally:
            CALLER.reset(token)
            SPOKEN.reset(spoken)

    async def _caller(self, scope: Scope) -> Caller | None:
        refuse_in_query(scope["query_string"])
        if self._authenticator is None:
            refuse_strangers(scope["headers"])
            return OPEN
        if scope["type"] == "http" and scope["path"] in self._exempt and scope["method"] in _READS:
            return None
        if self._sessions is not None and is_console(scope):
            session = await self._sessions.find(scope["headers"])
            scope[SESSION] = session
            return None if session is None else session.caller
        offers = scope.get("subprotocols") or []
        credential = credential_of(scope["headers"], offers)
        return await self._authenticator.authenticate(credential)


def is_console(scope: Scope) -> bool:
    """Whether a request is for a page of the console."""
    path = scope["path"]
    return scope["type"] == "http" and (path == CONSOLE or path.startswith(f"{CONSOLE}/"))


def _with_subprotocol(scope: Scope, send: Send) -> Send:
    """A browser that offered subprotocols closes the connection when none of them is chosen."""
    if PROTOCOL not in scope["subprotocols"]:
        return send

    async def accepting(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": PROTOCOL}
        await send(message)

    return accepting


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    if scope["type"] == "http":
        await answer(scope, receive, send)
        return
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": answer.status_code,
            "headers": answer.raw_headers,
        }
    )
    await send({"type": "websocket.http.response.body", "body": answer.body})
