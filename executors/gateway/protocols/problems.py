"""Refusals over HTTP: RFC 9457 problem details with our stable code, whoever refuses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError
from executors.gateway.telemetry.asked import ASKED
from executors.gateway.telemetry.tracing import refused
from executors.shared.telemetry.tracing import current_trace_id

PROBLEM = "application/problem+json"
RETRY_AFTER_S = {429: 1, 503: 2}
"""Where the error itself does not say when the same request may succeed."""
_CHALLENGE = 'Bearer realm="adjudicate"'
_CLIENT_GONE = 499
_ROUTING = {
    400: Code.MALFORMED,
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.REQUEST_TIMEOUT,
    413: Code.REQUEST_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
}
"""What the framework refuses by itself, by its status."""


def problem(error: AdjudicateError, headers: Mapping[str, str] | None = None) -> Response:
    """The response of an error: `application/problem+json`, with `Retry-After` (whole seconds)
    where waiting helps and `WWW-Authenticate` where a key does."""
    if (asked := ASKED.get()) is not None:
        asked.refused(error)
    status = STATUS[error.code]
    retry_after = retry_after_of(error)
    body: dict[str, Any] = {
        "type": f"urn:adjudicate:problem:{error.code}",
        "title": status.title,
        "status": status.http,
        "detail": error.detail,
        "code": str(error.code),
        "trace_id": current_trace_id(),
    }
    refused(error)
    sent = dict(headers or {})
    if retry_after is not None:
        body["retry_after"] = retry_after
        sent["Retry-After"] = str(retry_after)
    if error.code is Code.UNAUTHENTICATED:
        sent["WWW-Authenticate"] = _CHALLENGE
    elif error.code is Code.FORBIDDEN:
        sent["WWW-Authenticate"] = f'{_CHALLENGE}, error="insufficient_scope"'
    elif error.code is Code.UNSUPPORTED_MEDIA_TYPE:
        sent.setdefault("Accept-Encoding", "identity")
    return Response(orjson.dumps(body), status.http, sent, media_type=PROBLEM)


def retry_after_of(error: AdjudicateError) -> int | None:
    """Whole seconds, at least one, after which to try again; None where that would not help."""
    if error.retry_after is not None:
        return max(1, math.ceil(error.retry_after))
    return RETRY_AFTER_S.get(STATUS[error.code].http)


def install_problems(app: FastAPI, docs: str = "") -> None:
    """Answer every error of the application, the framework's too, with problem details.

    `docs`: the page that tells which routes there are.
    """

    async def ours(request: Request, error: Any) -> Response:
        return problem(error)

    async def invalid(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(RequestError(Code.MALFORMED, f"{where}: {first['msg']}"))

    async def framework(request: Request, error: Any) -> Response:
        code = _ROUTING.get(error.status_code, Code.MALFORMED)
        if error.status_code >= 500:
            code = Code.INTERNAL
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if code is Code.METHOD_NOT_ALLOWED:
            allowed = methods_of(app, request)
            headers["Allow"] = allowed
            detail = f"{request.method[:20]} is not for this route, only {allowed}"
        elif code is Code.NOT_FOUND:
            where = f"; the routes are at {docs}" if docs else ""
            detail = f"there is no route {request.url.path[:100]}{where}"
        return problem(RequestError(code, detail), headers)

    async def gone(request: Request, error: Any) -> Response:
        if (asked := ASKED.get()) is not None:
            asked.counts = False
        return Response(status_code=_CLIENT_GONE)

    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(RequestError(Code.INTERNAL, "the service failed; the log has the details"))

    app.add_exception_handler(AdjudicateError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unexpected)


def methods_of(app: FastAPI, request: Request) -> str:
    """The methods of all routes with the request's path, as the `Allow` header lists them."""
    found: set[str] = set()
    for route in app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(sorted(found))
