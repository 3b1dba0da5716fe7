"""Round the HTTP and WebSocket applications: every request is of a trace, whoever answers it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi.routing import APIRoute
from opentelemetry import trace
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_SCHEME
from opentelemetry.trace import Span, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from executors.gateway.access.asgi import CONSOLE, PROBES
from executors.gateway.protocols.pages import ASSETS, DOCS
from executors.gateway.telemetry.tracing import known_by, leave_out, request_span
from executors.shared.telemetry.spans import Form, OpenSpan

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FILES = (f"{ASSETS}/", f"{CONSOLE}/static/")
_NOISE = PROBES | {DOCS, "/openapi.json", "/v1/status", "/v1/report"}


class Traced:
    """An ASGI application round another. A request over HTTP has a span, named by its route; a
    WebSocket has the caller's trace, and its requests spans of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)  # Jina looks at the application's routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] == "websocket":
            with known_by(_traceparent(scope)):
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            with known_by(_traceparent(scope)):
                await self._traced(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        form = _form(method, scope["scheme"], scope["http_version"])
        with request_span(form, recorded=not _is_noise(scope["path"])) as span:
            if isinstance(span, OpenSpan):
                await self._app(scope, receive, _noting(span, send))
            else:
                await self._app(scope, receive, send)


class TracedRoute(APIRoute):
    """Names the span of the request that came to it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every route."""
        span = trace.get_current_span()
        if isinstance(span, OpenSpan):
            # Not as FastAPI's own instrumentation has it: a path may hold what it should not.
            span.update_name(f"{scope['method']} {self.path_format}")
            span.set_attribute(HTTP_ROUTE, self.path_format)
        await super().handle(scope, receive, send)


@lru_cache(64)
def _form(method: str, scheme: str, version: str) -> Form:
    said = {HTTP_REQUEST_METHOD: method, URL_SCHEME: scheme, NETWORK_PROTOCOL_VERSION: version}
    return Form(method, SpanKind.SERVER, said)


def _noting(span: Span, send: Send) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
            if status == 401:
                leave_out(span)
        await send(message)

    return noted


def _is_noise(path: str) -> bool:
    return path.rstrip("/") in _NOISE or path in _NOISE or path.startswith(_FILES)


def _traceparent(scope: Scope) -> str | None:
    found = (value for name, value in scope["headers"] if name == b"traceparent")
    value = next(found, None)
    return None if value is None else value.decode("latin-1")
