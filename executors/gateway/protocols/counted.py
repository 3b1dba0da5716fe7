"""Round the HTTP application: each request is counted, whoever answers or refuses it."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from executors.gateway.access.asgi import CONSOLE, PROBES
from executors.gateway.protocols.pages import ASSETS, DOCS
from executors.gateway.telemetry.asked import asked

_FILES = (f"{ASSETS}/", f"{CONSOLE}/static/")


class Counted:
    """An ASGI application round another. Probes, the pages of the docs and the console's files do
    not count."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)  # Jina looks at the application's routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] != "http" or _is_no_request(scope["path"]):
            await self._app(scope, receive, send)
            return
        with asked("http"):
            await self._app(scope, receive, send)


def _is_no_request(path: str) -> bool:
    return path in PROBES or path in (DOCS, "/openapi.json") or path.startswith(_FILES)
