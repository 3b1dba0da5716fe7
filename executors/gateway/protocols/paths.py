"""What every route of HTTP has alike: HEAD, a trailing slash, an id with a slash in it.

A route's id is `{id:id}`; `{id:exemplar}` where names of their own stand beside the ids.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SLASH = "\ue000"
"""Stands for an escaped slash of the path until the route is found: a character of private use,
which no id has."""

NAMES = ("banks", "changes", "held")
"""Of the library's routes that stand where an exemplar's id may stand."""


class Paths:
    """Answers HEAD as GET without its body, and `/v1/review/` as `/v1/review`, without the redirect
    that a client would have to send its body again for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": _path(scope)}
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


class Id(Convertor[str]):
    """An id as it was before it was escaped for the path. None has a NUL: some databases refuse it
    even in a question."""

    regex = "[^/\x00]+"

    def convert(self, value: str) -> str:
        """Of the path."""
        return value.replace(_SLASH, "/")

    def to_string(self, value: str) -> str:
        """For the path."""
        return quote(value, safe="")


class ExemplarId(Id):
    """None of the names that `/v1/library/…` has routes for: else a wrong method there would be
    taken for the removal of an exemplar of that name."""

    regex = f"(?!(?:{'|'.join(NAMES)})$)[^/\x00]+"


register_url_convertor("id", Id())
register_url_convertor("exemplar", ExemplarId())


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    raw = bytes(scope.get("raw_path") or b"").partition(b"?")[0].decode("ascii", "replace")
    if "%2f" in raw.lower():
        path = "/".join(unquote(part).replace("/", _SLASH) for part in raw.split("/"))
    return path[:-1] if len(path) > 1 and path.endswith("/") else path
