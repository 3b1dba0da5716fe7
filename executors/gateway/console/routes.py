"""Routes whose spans have their names."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.semconv.attributes.http_attributes import HTTP_ROUTE
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from executors.gateway.access.asgi import CONSOLE
from executors.shared.telemetry.spans import OpenSpan


class NamedRoute(Route):
    """Names the span of the request that came to it, by its form and not by its path."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every route."""
        span = trace.get_current_span()
        if isinstance(span, OpenSpan):
            span.update_name(f"{scope['method']} {CONSOLE}{self.path_format}")
            span.set_attribute(HTTP_ROUTE, f"{CONSOLE}{self.path_format}")
        await super().handle(scope, receive, send)
