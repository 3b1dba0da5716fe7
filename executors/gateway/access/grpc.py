"""The guard before gRPC, and the server that it stands before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.serve.helper import get_server_side_grpc_options
from jina.serve.runtimes.servers.grpc import GRPCServer

from adjudicate.errors import AdjudicateError
from executors.gateway.access.authenticator import Authenticator
from executors.gateway.access.credentials import credential_of
from executors.gateway.access.tls import Tls
from executors.gateway.caller import CALLER, OPEN, PROTOCOL
from executors.gateway.health.service import HealthService
from executors.gateway.protocols.grpc_status import abort

EXEMPT = ("/grpc.health.v1.Health/", "/jina.JinaGatewayDryRunRPC/")
"""For probes: health, and Jina's dry run, which carries nothing and comes as far as the door."""

SENDING_S = 0.05
"""Until a call is refused: grpcio's client takes an end that comes while it still sends its first
message for an internal error of its own (7 in 1,000 calls), and its user never sees the code."""

METADATA_BYTES = 16 * 1024
"""gRPC refuses more than its 8 KiB at random. A token alone may have as much."""


class GrpcGuard(grpc.aio.ServerInterceptor):
    """Lets in who has a key or a token, as `CALLER`; health is for everybody.

    A call that is refused ends with UNAUTHENTICATED before its first message is read.
    """

    def __init__(self, authenticator: Authenticator | None) -> None:
        """`authenticator`: None where access is open."""
        self._authenticator = authenticator

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """The call's handler, or one that refuses it."""
        if handler_call_details.method.startswith(EXEMPT):
            return await continuation(handler_call_details)
        PROTOCOL.set("grpc")
        if self._authenticator is None:
            CALLER.set(OPEN)
            return await continuation(handler_call_details)
        try:
            credential = credential_of(_headers(handler_call_details.invocation_metadata))
            caller = await self._authenticator.authenticate(credential)
        except AdjudicateError as error:
            return _refusing(error)
        # The interceptors and the handler of a call run in one task, so this is the call's alone.
        CALLER.set(caller)
        return await continuation(handler_call_details)


def _headers(metadata: Any) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8"))
        for name, value in metadata or ()
    ]


def _refusing(error: AdjudicateError) -> Any:
    async def refuse(messages: AsyncIterator[Any], context: Any) -> None:
        await asyncio.sleep(SENDING_S)
        await abort(context, error)

    # Whatever the call's form: a handler of streams begins before any message is there.
    return grpc.stream_stream_rpc_method_handler(refuse)


class GuardedGrpcServer(GRPCServer):
    """Jina's gRPC server with a guard before it, TLS that can ask for clients'
    certificates, and without the service of single documents, which leads past the door."""

    def __init__(
        self,
        guard: GrpcGuard,
        tls: Tls | None,
        first: Sequence[grpc.aio.ServerInterceptor] = (),
        health: HealthService | None = None,
        **kwargs: Any,
    ) -> None:
        """`first`: what stands before the guard. `health`: who says how it is; None: a new one."""
        super().__init__(**kwargs)
        self.health_servicer = health or HealthService()
        self._interceptors = [*first, guard]
        self._tls = tls

    async def setup_server(self) -> None:
        """Make the server, register what it serves, and start it."""
        streamer = self._request_handler.streamer
        await streamer._get_endpoints_input_output_models(is_cancel=self.is_cancel)
        streamer._validate_flow_docarray_compatibility()
        self.server = grpc.aio.server(
            options=[
                *get_server_side_grpc_options(self.grpc_server_options),
                ("grpc.max_metadata_size", METADATA_BYTES),
            ],
            interceptors=self._interceptors,
        )
        for name, register in SERVICES.items():
            register(self._request_handler, self.server)
            await self.health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self.health_servicer, self.server)
        reflection.enable_server_reflection([*SERVICES, reflection.SERVICE_NAME], self.server)
        address = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        if self._tls is None:
            self.server.add_insecure_port(address)
        else:
            self.server.add_secure_port(address, self._tls.grpc_credentials())
        await self.server.start()


SERVICES: dict[str, Callable[[Any, Any], None]] = {
    jina_pb2.DESCRIPTOR.services_by_name[name].full_name: register
    for name, register in (
        ("JinaRPC", jina_pb2_grpc.add_JinaRPCServicer_to_server),
        ("JinaSingleDataRequestRPC", jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server),
        ("JinaDiscoverEndpointsRPC", jina_pb2_grpc.add_JinaDiscoverEndpointsRPCServicer_to_server),
        ("JinaGatewayDryRunRPC", jina_pb2_grpc.add_JinaGatewayDryRunRPCServicer_to_server),
        ("JinaInfoRPC", jina_pb2_grpc.add_JinaInfoRPCServicer_to_server),
    )
}
"""What our port serves, by the names that the health service knows."""
