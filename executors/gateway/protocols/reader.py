"""Reads a route's body: JSON, or a form where the route takes one."""

from __future__ import annotations

from fastapi import Request

from adjudicate.errors import Code, RequestError
from executors.gateway.operations.bodies import Body
from executors.gateway.protocols.components import SCHEMAS
from executors.gateway.protocols.multipart import form_body
from executors.gateway.protocols.requests import FORM, JSON, json_body, require_type


class Reader:
    """Bounds every body to `max_bytes` while it is read.

    Both methods raise `RequestError`: `unsupported_media_type`, `request_too_large`,
    `malformed_request`, and for a form `too_many_ads`. What is wrong with one ad is left in it.
    """

    def __init__(self, max_bytes: int, max_ads: int) -> None:
        self._max_bytes = max_bytes
        self._max_ads = max_ads

    async def body(self, request: Request, takes: str) -> Body:
        """A JSON object with the fields of the component `takes`."""
        return known(await json_body(request, self._max_bytes), takes)

    async def ads(self, request: Request, takes: str) -> Body:
        """As `body`, or the same as a form with the pictures as files."""
        if require_type(request, JSON, FORM) == JSON:
            return await self.body(request, takes)
        options = [name for name in SCHEMAS[takes]["properties"] if name != "ads"]
        return await form_body(request, self._max_bytes, self._max_ads, options)


def known(body: Body, takes: str, *more: str) -> Body:
    """The body, if all its fields are those of the component, or of `more`.

    Raises `RequestError` `malformed_request`: a misspelt option must not be passed over.
    """
    fields = (*more, *SCHEMAS[takes]["properties"])
    if unknown := [name for name in body if name not in fields]:
        names = ", ".join(sorted(name[:50] for name in unknown)[:5])
        raise RequestError(Code.MALFORMED, f"not known: {names}; known: {', '.join(fields)}")
    return body
