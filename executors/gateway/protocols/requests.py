"""A request's body over HTTP: its type, its size while it is read, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import Message

from fastapi import Request

from adjudicate.errors import Code, RequestError
from executors.gateway.operations.bodies import Body, parse_body

JSON = "application/json"
FORM = "multipart/form-data"

BodyOf = Callable[[Request], Awaitable[Body]]


async def json_body(request: Request, max_bytes: int) -> Body:
    """The JSON object that the request carries.

    Raises `RequestError`: `unsupported_media_type`, `request_too_large`, `malformed_request`.
    """
    require_type(request, JSON)
    return parse_body(await read_bounded(request, max_bytes))


def require_type(request: Request, *types: str) -> str:
    """Which of `types` the body is. JSON of a more specific type (`application/x+json`) is JSON.

    A body without a type is refused too: a page in a browser may send one to any host without
    asking, and where access is open nothing else would stop it.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        detail = f"a body is read as it is, not with content-encoding {coding[:50]!r}"
        raise RequestError(Code.UNSUPPORTED_MEDIA_TYPE, detail)
    given = request.headers.get("content-type", "")
    header = Message()
    header["content-type"] = given.encode("ascii", "replace").decode()
    found = header.get_content_type() if given else ""
    if found.startswith("application/") and found.endswith("+json"):
        found = JSON
    charset = str(header.get_param("charset") or "utf-8").lower()
    if found not in types or (found == JSON and charset not in ("utf-8", "utf8", "us-ascii")):
        said = f"not {given[:100]!r}" if given else "and say so with content-type"
        raise RequestError(Code.UNSUPPORTED_MEDIA_TYPE, f"send {' or '.join(types)}, {said}")
    return found


async def read_bounded(request: Request, max_bytes: int) -> bytes:
    """The body, refused as soon as it is known to be too large."""
    return b"".join([chunk async for chunk in bounded(request, max_bytes)])


async def bounded(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises `RequestError` `request_too_large`."""
    refusal = RequestError(
        Code.REQUEST_TOO_LARGE, f"the body is over {max_bytes:,} bytes; send fewer ads a request"
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise refusal
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > max_bytes:
            raise refusal
        yield chunk
