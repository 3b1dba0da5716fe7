"""The gateway's door: one process that speaks gRPC, HTTP and WebSocket over the same rooms."""

import asyncio
import sys
from typing import Any

from fastapi import FastAPI
from jina.enums import ProtocolType
from jina.serve.runtimes.gateway.gateway import BaseGateway
from jina.serve.runtimes.servers import BaseServer
from jina.serve.runtimes.servers.composite import CompositeBaseServer
from jina.serve.runtimes.servers.grpc import GRPCServer
from jina.serve.runtimes.servers.http import FastAPIBaseServer

from adjudicate.errors import ConfigurationError
from executors.gateway.caller import OPEN
from executors.gateway.door import Door
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.gateway.protocols.websocket import add_stream_route
from executors.gateway.routing.rooms import Rooms
from executors.gateway.routing.walls import use_real_documents
from executors.shared.pings import answer_pings
from executors.shared.process import end_with_supervisor, keep_what_is_loaded, refuse_start
from executors.shared.settings import load_settings

answer_pings()
use_real_documents()


class HttpServer(FastAPIBaseServer):
    """Our typed routes."""

    def __init__(self, api: Api, max_bytes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._api = api
        self._max_bytes = max_bytes

    @property
    def app(self) -> FastAPI:
        """The FastAPI application, traced when tracing is on."""
        return _traced(create_app(self._api, self._max_bytes), self)


class WebSocketServer(FastAPIBaseServer):
    """Jina's WebSocket for the Jina client at `/`, and our JSON route at `/v1/stream`."""

    def __init__(self, api: Api, max_bytes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._api = api
        self.uvicorn_kwargs["ws_max_size"] = max_bytes

    @property
    def app(self) -> FastAPI:
        """Jina's application with our route added."""
        app: FastAPI = self._request_handler._websocket_fastapi_default_app(
            tracing=self.tracing, tracer_provider=self.tracer_provider
        )
        add_stream_route(app, self._api)
        return app


class AdGateway(CompositeBaseServer, BaseGateway):
    """Three servers, one `Rooms`."""

    def __init__(self, **kwargs: Any) -> None:
        end_with_supervisor()
        super().__init__(**kwargs)
        try:
            settings = load_settings()
            patience = {"judge": settings.judge.timeout_s}
            door = Door(OPEN)
            self._rooms = Rooms(self.streamer, settings.gateway.max_ads, patience, door)
        except ConfigurationError as error:
            refuse_start("gateway", error)
        self._drain_s = settings.supervisor.drain_s
        keep_what_is_loaded()
        api = Api(self._rooms, settings.gateway)
        max_bytes = settings.gateway.max_request_bytes
        self.servers: list[BaseServer] = []
        for server_kwargs in self._server_kwargs:
            protocol = server_kwargs["runtime_args"]["protocol"]
            if protocol == ProtocolType.GRPC:
                server_kwargs["grpc_server_options"] = {
                    "grpc.max_receive_message_length": max_bytes,
                    "grpc.max_send_message_length": max_bytes,
                }
                self.servers.append(GRPCServer(**server_kwargs))
            else:
                kind = HttpServer if protocol == ProtocolType.HTTP else WebSocketServer
                self.servers.append(kind(api=api, max_bytes=max_bytes, **server_kwargs))

    async def shutdown(self) -> None:
        """Stop accepting, let what is in flight finish within a bound, then close."""
        stops = [asyncio.ensure_future(self._stop_accepting(server)) for server in self.servers]
        left = await self._rooms.drain(self._drain_s * 0.9)
        if left:
            print(f"gateway: {left} requests did not finish in time", file=sys.stderr, flush=True)
        for stop in stops:
            stop.cancel()
        await super().shutdown()

    async def _stop_accepting(self, server: BaseServer) -> None:
        if isinstance(server, GRPCServer):
            await server.health_servicer.enter_graceful_shutdown()
            await server.server.stop(grace=self._drain_s)
        else:
            for listener in server.server.servers:
                listener.close()


def _traced(app: FastAPI, server: BaseServer) -> FastAPI:
    if server.tracing:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app, tracer_provider=server.tracer_provider)
    return app
