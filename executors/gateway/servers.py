"""The three servers, each with the edge's guard, limits and TLS before its routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from jina.enums import ProtocolType
from jina.serve.runtimes.servers import BaseServer
from jina.serve.runtimes.servers.http import FastAPIBaseServer

from executors.gateway.access.asgi import HttpGuard
from executors.gateway.access.authenticator import Authenticator
from executors.gateway.access.denying import DenyingWebSocket
from executors.gateway.access.grpc import GrpcGuard, GuardedGrpcServer
from executors.gateway.access.tls import Tls
from executors.gateway.console.console import Console, add_console
from executors.gateway.health.service import HealthService
from executors.gateway.limits.callers import CallerLimits
from executors.gateway.limits.calls import CallLimits, options
from executors.gateway.limits.connections import http_arguments
from executors.gateway.limits.frames import counted_websocket, websocket_arguments
from executors.gateway.limits.intake import Intake
from executors.gateway.operations.api import Api
from executors.gateway.protocols.counted import Counted
from executors.gateway.protocols.grpc_traces import CallTraces
from executors.gateway.protocols.http import create_app
from executors.gateway.protocols.openai import OpenAiErrors
from executors.gateway.protocols.origins import allow_origins
from executors.gateway.protocols.traced import Traced
from executors.gateway.protocols.websocket import add_stream_route
from executors.shared.settings import Settings


@dataclass(frozen=True)
class Edge:
    """What stands between all callers and the rooms, whatever they speak."""

    settings: Settings
    api: Api
    limits: CallerLimits
    authenticator: Authenticator | None
    """None: access is open."""
    tls: Tls | None
    health: HealthService = field(default_factory=HealthService)
    """Of gRPC."""
    console: Console | None = None
    """None: there is none."""

    def server(self, **kwargs: Any) -> BaseServer:
        """The server of a protocol; `kwargs` are those that Jina makes for it."""
        protocol = kwargs["runtime_args"]["protocol"]
        if protocol == ProtocolType.GRPC:
            return self._grpc(**kwargs)
        kind = HttpServer if protocol == ProtocolType.HTTP else WebSocketServer
        return kind(self, uvicorn_kwargs=self.tls.uvicorn() if self.tls else {}, **kwargs)

    def _grpc(self, **kwargs: Any) -> GuardedGrpcServer:
        limits = self.settings.limits
        return GuardedGrpcServer(
            guard=GrpcGuard(self.authenticator),
            tls=self.tls,
            health=self.health,
            first=[CallTraces(), CallLimits(self.limits, limits)],
            grpc_server_options=options(limits, self.settings.gateway.max_request_bytes),
            **kwargs,
        )

    def guarded(self, app: Any, *, docs: bool = False) -> HttpGuard:
        """The application behind the guard; `docs`: with the pages that describe it before."""
        sessions = self.console.sessions if self.console else None
        return HttpGuard(app, authenticator=self.authenticator, docs=docs, sessions=sessions)


class HttpServer(FastAPIBaseServer):
    """Our typed routes."""

    def __init__(self, edge: Edge, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._edge = edge
        self.uvicorn_kwargs |= http_arguments(edge.settings.limits)

    @property
    def app(self) -> Any:
        """The FastAPI application behind its guard."""
        edge, settings = self._edge, self._edge.settings
        app = create_app(edge.api, settings.gateway.max_request_bytes)
        if edge.console is not None:
            add_console(app, edge.console)
        app.add_middleware(Intake, limits=edge.limits, settings=settings.limits)
        guarded = edge.guarded(app, docs=settings.access.docs)
        counted = Counted(OpenAiErrors(guarded))
        return Traced(allow_origins(counted, settings.gateway.cors_origins))


class WebSocketServer(FastAPIBaseServer):
    """Jina's WebSocket for the Jina client at `/`, and our JSON route at `/v1/stream`."""

    def __init__(self, edge: Edge, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._edge = edge
        limits, most = edge.settings.limits, edge.settings.gateway.max_request_bytes
        protocol = counted_websocket(edge.limits, DenyingWebSocket)
        self.uvicorn_kwargs |= http_arguments(limits)
        self.uvicorn_kwargs |= websocket_arguments(limits, protocol, most)

    @property
    def app(self) -> Any:
        """Jina's application with our route added, behind its guard."""
        edge = self._edge
        app: FastAPI = self._request_handler._websocket_fastapi_default_app(
            tracing=False, tracer_provider=None
        )
        add_stream_route(app, edge.api, edge.limits.bodies)
        return Traced(allow_origins(edge.guarded(app), edge.settings.gateway.cors_origins))
