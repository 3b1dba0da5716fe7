"""The three protocols behind their guards, on real ports, without rooms: each says who came in."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import uvicorn
import websockets
from fastapi import FastAPI, Request, WebSocket
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from starlette.responses import JSONResponse
from websockets.exceptions import InvalidStatus

from adjudicate.errors import STATUS, AdjudicateError, Code
from executors.gateway.access.asgi import HttpGuard
from executors.gateway.access.authenticator import Authenticator, open_authenticator
from executors.gateway.access.denying import DenyingWebSocket
from executors.gateway.access.grpc import GrpcGuard
from executors.gateway.access.store import KeyStore
from executors.gateway.access.tls import Tls
from executors.gateway.caller import CALLER, OPEN, Scope
from executors.gateway.door import Door
from executors.gateway.protocols.grpc_status import abort
from executors.gateway.protocols.problems import problem
from executors.shared.settings import AccessSettings, Settings
from tests.gateway.access.issuer import AUDIENCE, ISSUER, jwk, jwks, rsa_key

PROTOCOLS = ("http", "stream", "jina-ws", "grpc")
REVIEW, LIBRARY = "/review", "/library/list"
_ECHO = "/jina.JinaSingleDataRequestRPC/process_single_data"
_CALL = "/jina.JinaRPC/Call"

Headers = list[tuple[str, str]]


@dataclass
class Keys:
    """The keys in the database, by what is the matter with them."""

    review: str
    library: str
    expired: str
    revoked: str
    revoked_id: str
    store: KeyStore


def make_keys(url: str) -> Keys:
    from sqlalchemy import create_engine, text

    store = KeyStore(url)
    (_, review), (_, library) = (
        store.create("r", [Scope.REVIEW]),
        store.create("l", [Scope.LIBRARY]),
    )
    old, expired = store.create("e", [Scope.ADMIN])
    gone, revoked = store.create("x", [Scope.ADMIN])
    store.revoke(gone.id)
    with create_engine(url).begin() as connection:
        connection.execute(
            text("UPDATE api_keys SET expires = '2026-01-01T00:00:00+00:00' WHERE id = :id"),
            {"id": old.id},
        )
    return Keys(review, library, expired, revoked, gone.id, store)


def settings_of(folder: Path, url: str, **access: Any) -> Settings:
    """Access by key, and by tokens of the issuer."""
    (folder / "jwks").write_bytes(jwks(jwk(rsa_key(), "k1"), jwk(rsa_key("two"), "k2")))
    trust = {"jwt_keys": str(folder / "jwks"), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    return Settings(database=url, access=AccessSettings(**{**trust, **access}))


@dataclass
class Answer:
    """What came back, the same for every protocol."""

    code: str
    """`ok`, or the code of the refusal."""
    caller: str = ""
    seen: str = ""
    """All that the application was told: nothing secret may be in it."""
    detail: str = ""
    http: int = 0
    challenge: str = ""


class Gates:
    """Three servers and a client for each."""

    def __init__(self, authenticator: Authenticator | None, tls: Tls | None = None) -> None:
        self.door = Door(None if authenticator else OPEN, authenticator)
        self.authenticator = authenticator
        self.tls = tls
        self.http_port = self.grpc_port = 0

    async def ask(
        self, protocol: str, headers: Headers, endpoint: str = REVIEW, query: str = ""
    ) -> Answer:
        """One request with those headers and no others of ours."""
        if protocol == "http":
            return await self.get(f"/ask{endpoint}{query}", headers)
        if protocol == "grpc":
            return await self.call(headers, endpoint)
        path = "/" if protocol == "jina-ws" else "/v1/stream"
        return await self.open(f"{path}{query}", headers, endpoint)

    async def get(self, path: str, headers: Headers, method: str = "GET") -> Answer:
        # Without reading authorities' certificates each time, which takes longer than all the rest.
        url = f"http://127.0.0.1:{self.http_port}"
        async with httpx.AsyncClient(base_url=url, verify=False) as http:
            response = await http.request(method, path, headers=headers)
        return _answer(response.status_code, response.content, response.headers)

    async def open(
        self,
        path: str,
        headers: Headers,
        endpoint: str = REVIEW,
        subprotocols: list[str] | None = None,
    ) -> Answer:
        try:
            async with websockets.connect(
                f"ws://127.0.0.1:{self.http_port}{path}",
                additional_headers=headers,
                subprotocols=subprotocols,  # type: ignore[arg-type]
            ) as connection:
                await connection.send(endpoint)
                told = json.loads(await connection.recv())
                told["seen"] += f" {connection.subprotocol}"
                return Answer(**told)
        except InvalidStatus as error:
            body = bytes(error.response.body or b"")
            return _answer(error.response.status_code, body, error.response.headers)

    async def call(self, headers: Headers, endpoint: str = REVIEW, method: str = _ECHO) -> Answer:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            metadata = tuple((name.lower(), value) for name, value in headers)
            try:
                if method == _CALL:
                    stream = channel.stream_stream(_CALL)(metadata=metadata)
                    await stream.write(endpoint.encode())
                    reply = await stream.read()
                    if reply is grpc.aio.EOF:
                        await stream.code()
                else:
                    reply = await channel.unary_unary(method)(endpoint.encode(), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                code, _, detail = (error.details() or "").partition(": ")
                if error.code().name != STATUS[Code(code)].grpc:
                    raise
                return Answer(code, detail=detail)
            return Answer(**json.loads(reply))

    async def told(self, endpoint: str, seen: str) -> Answer:
        """What the application answers inside: the door's word."""
        caller = CALLER.get()
        async with self.door.enter(endpoint, 1):
            return Answer("ok", caller.id if caller else "nobody", seen)


def _answer(status: int, body: bytes, headers: Any) -> Answer:
    challenge = headers.get("www-authenticate", "")
    if status == 200:
        told = json.loads(body) or {"code": "ok"}
        return Answer(**{**told, "http": status, "challenge": challenge})
    told = json.loads(body) if body.startswith(b"{") else {}
    return Answer(told.get("code", ""), "", "", told.get("detail", ""), status, challenge)


def application(gates: Gates) -> FastAPI:
    """One application with the routes of both ports."""
    app = FastAPI()

    @app.exception_handler(AdjudicateError)
    async def refused(request: Request, error: Any) -> Any:
        return problem(error)

    @app.get("/")
    @app.get("/health")
    async def alive() -> dict[str, str]:
        return {}

    @app.api_route("/ask/{endpoint:path}", methods=["GET", "POST"])
    async def ask(request: Request, endpoint: str) -> JSONResponse:
        seen = f"{request.scope['headers']} {request.scope['query_string']!r}"
        return JSONResponse(vars(await gates.told(f"/{endpoint}", seen)))

    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        seen = f"{websocket.scope['headers']} {websocket.scope['subprotocols']}"
        async for endpoint in websocket.iter_text():
            try:
                told = await gates.told(endpoint, seen)
            except AdjudicateError as error:
                told = Answer(str(error.code), detail=error.detail)
            await websocket.send_json(vars(told))

    app.add_api_websocket_route("/", stream)
    app.add_api_websocket_route("/v1/stream", stream)
    return app


def services(gates: Gates, server: Any) -> None:
    """Jina's two ways in, health, and reflection."""

    async def one(request: bytes, context: Any) -> bytes:
        try:
            return json.dumps(vars(await gates.told(request.decode(), ""))).encode()
        except AdjudicateError as error:
            await abort(context, error)

    async def many(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            # As Jina's streamer does: each request is a task of its own.
            yield await asyncio.ensure_future(one(request, context))

    handlers: dict[str, Callable[..., Any]] = {
        _ECHO: grpc.unary_unary_rpc_method_handler(one),
        _CALL: grpc.stream_stream_rpc_method_handler(many),
    }

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return handlers.get(details.method)

    server.add_generic_rpc_handlers((Handler(),))
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection(["jina.JinaRPC"], server)
    gates.health = servicer.set("", health_pb2.HealthCheckResponse.SERVING)  # type: ignore[attr-defined]


@asynccontextmanager
async def open_gates(settings: Settings, tls: Tls | None = None) -> AsyncIterator[Gates]:
    """The servers, listening on loopback."""
    authenticator = open_authenticator(settings)
    gates = Gates(authenticator, tls)
    listener = socket.create_server(("127.0.0.1", 0))
    gates.http_port = listener.getsockname()[1]
    guarded = HttpGuard(application(gates), authenticator)
    config = uvicorn.Config(
        guarded,
        log_level="debug",
        log_config=None,
        ws=DenyingWebSocket,
        lifespan="off",
        **(tls.uvicorn() if tls else {}),
    )
    web = uvicorn.Server(config)
    web.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    serving = asyncio.ensure_future(web.serve([listener]))
    server = grpc.aio.server(
        interceptors=[GrpcGuard(authenticator)], options=[("grpc.max_metadata_size", 16 * 1024)]
    )
    services(gates, server)
    await gates.health  # type: ignore[attr-defined]
    gates.grpc_port = (
        server.add_secure_port("127.0.0.1:0", tls.grpc_credentials())
        if tls
        else server.add_insecure_port("127.0.0.1:0")
    )
    await server.start()
    if authenticator is not None:
        await authenticator.start()
    try:
        yield gates
    finally:
        await server.stop(None)
        web.should_exit = True
        await serving
        if authenticator is not None:
            await authenticator.stop()
