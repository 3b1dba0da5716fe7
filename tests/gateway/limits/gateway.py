"""A gateway in the test's own process: its three real servers over two rooms that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import grpc
import uvicorn
from docarray import DocList
from grpc_health.v1 import health
from jina.proto import jina_pb2_grpc
from jina.serve.runtimes.gateway.graph.topology_graph import TopologyGraph
from jina.serve.runtimes.gateway.websocket_fastapi_app import get_fastapi_app
from jina.serve.runtimes.servers.grpc import GRPCServer
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, Case, Decision
from executors.gateway.caller import CALLER, OPEN
from executors.gateway.door import Door
from executors.gateway.limits.callers import limits_of
from executors.gateway.limits.calls import CallLimits, options
from executors.gateway.limits.connections import http_arguments
from executors.gateway.limits.draining import Draining
from executors.gateway.limits.frames import counted_websocket, websocket_arguments
from executors.gateway.limits.intake import Intake
from executors.gateway.limits.streams import Streams
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.gateway.protocols.websocket import add_stream_route
from executors.gateway.routing.rooms import Rooms
from executors.shared.settings import GatewaySettings, LimitSettings
from tests.gateway.routing.replica_list import NoReplicas

MAX_BYTES = 2_000_000
MIB = 1 << 20


class Pool:
    """The rooms. The encoder answers while `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0
        """Ads that have reached the encoder."""
        self.answered = 0
        self.cancelled = 0
        self.ledger = 0
        """Ads that went on to the ledger."""
        self._connections = NoReplicas()

    async def send_requests_once(
        self, requests: list[DataRequest], deployment: str, **_: Any
    ) -> Any:
        sent = DataRequest(requests[0].proto_with_data)
        if deployment == "ledger":
            sent.document_array_cls = DocList[Case]
            docs: Sequence[Any] = [Decision(ad_id=case.ad_id) for case in sent.data.docs]
            self.ledger += len(docs)
            return _response(Decision, docs), {}
        sent.document_array_cls = DocList[Ad]
        docs = [Case.of(ad) for ad in sent.data.docs]
        self.asked += len(docs)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += len(docs)
            raise
        self.answered += len(docs)
        return _response(Case, docs), {}


def _response(kind: Any, docs: Sequence[Any]) -> DataRequest:
    response = DataRequest()
    response.document_array_cls = DocList[kind]
    response.data.docs = DocList[kind](docs)
    return response


def request_of(*texts: str, image: bytes | None = None) -> DataRequest:
    """A review request as Jina's clients send it."""
    request = _response(Ad, [Ad(id=text, text=text, image=image) for text in texts])
    request.header.exec_endpoint = "/review"
    return request


class Gateway:
    """What is inside, for the tests to look at."""

    def __init__(self, settings: LimitSettings, drain_s: float) -> None:
        self.pool = Pool()
        gateway = GatewaySettings(max_ads=100, batch_ads=4, max_request_bytes=MIB)
        self.limits = limits_of(settings, gateway)
        streamer = self._streamer()
        door = Door(OPEN, None, self.limits)
        self.rooms = Rooms(streamer, gateway.max_ads, {}, door)  # type: ignore[arg-type]
        self.streams = Streams(self.rooms.answer, self.limits)
        self.streams.take_over(streamer)  # type: ignore[arg-type]
        self.draining = Draining(self.limits, self.streams, drain_s)
        api = Api(self.rooms, gateway)
        self.calls = CallLimits(self.limits, settings)
        self.http = create_app(api, MAX_BYTES)
        self.http.add_middleware(Intake, limits=self.limits, settings=settings)
        rpc = SimpleNamespace(rpc_stream=self.streams.stream, close=None)
        self.websocket = get_fastapi_app(rpc, _Silent())  # type: ignore[arg-type]
        add_stream_route(self.websocket, api, self.limits.bodies)
        self._settings = settings
        self.servers: list[Any] = []
        self.ports: dict[str, int] = {}

    def _streamer(self) -> Any:
        edges = {
            "start-gateway": ["encoder"],
            "encoder": ["ledger"],
            "ledger": ["end-gateway"],
        }
        topology = TopologyGraph(edges)
        inner = SimpleNamespace()
        return SimpleNamespace(_connection_pool=self.pool, topology_graph=topology, _streamer=inner)

    async def start(self) -> None:
        timed = http_arguments(self._settings)
        await self._serve("http", _guarded(self.http), timed)
        protocol = counted_websocket(self.limits)
        framed = websocket_arguments(self._settings, protocol, MAX_BYTES)
        await self._serve("ws", self.websocket, timed | framed)
        server = grpc.aio.server(
            interceptors=[self.calls, _Guard()],
            options=[*options(self._settings, MAX_BYTES).items(), ("grpc.so_reuseport", 0)],
        )
        handler = SimpleNamespace(Call=self.streams.stream, process_single_data=self.streams.single)
        jina_pb2_grpc.add_JinaRPCServicer_to_server(handler, server)
        jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(handler, server)
        self.ports["grpc"] = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        wrapped = object.__new__(GRPCServer)
        wrapped.server = server
        wrapped.health_servicer = health.aio.HealthServicer()
        self.servers.append(wrapped)

    async def _serve(self, name: str, app: Any, arguments: dict[str, Any]) -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", **arguments
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self.ports[name] = server.servers[0].sockets[0].getsockname()[1]
        self.servers.append(SimpleNamespace(server=server))

    async def stop(self) -> None:
        self.pool.open.set()
        *uvicorns, rpc = self.servers
        await asyncio.gather(*(one.server.shutdown() for one in uvicorns), rpc.server.stop(None))
        await self.limits.close()


class _Guard(grpc.aio.ServerInterceptor):
    """Lets everybody in, as where access is open."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        CALLER.set(OPEN)
        return await continuation(details)


def _guarded(app: Any) -> Any:
    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        CALLER.set(OPEN)
        await app(scope, receive, send)

    return guarded


class _Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@asynccontextmanager
async def running(drain_s: float = 5.0, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that serves; `settings` are those of `LimitSettings`."""
    gateway = Gateway(LimitSettings(**settings), drain_s)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def until(true: Any, seconds: float = 5.0) -> None:
    """Wait for a condition. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
