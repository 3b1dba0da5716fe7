"""gRPC calls: how many at a time, of how many bytes, and how slowly they may come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from adjudicate.errors import AdjudicateError, Code, RequestError
from executors.gateway.limits.callers import CallerLimits
from executors.gateway.limits.refusals import overloaded, shutting_down
from executors.gateway.protocols.grpc_status import abort
from executors.shared.settings import LimitSettings

IDLE_S = 600.0
"""A connection without a call is closed after this; clients open another by themselves."""
_FREE = ("/grpc.health.", "/jina.JinaInfoRPC/")
"""Probes are never refused."""


def options(settings: LimitSettings, max_bytes: int) -> dict[str, int]:
    """The gRPC server's channel arguments."""
    return {
        "grpc.max_receive_message_length": max_bytes,
        "grpc.max_send_message_length": max_bytes,
        "grpc.max_concurrent_streams": settings.connections,
        "grpc.server_handshake_timeout_ms": _ms(settings.header_s),
        "grpc.keepalive_time_ms": _ms(settings.ping_s),
        "grpc.keepalive_timeout_ms": _ms(settings.ping_s),
        "grpc.max_connection_idle_ms": _ms(IDLE_S),
    }


class CallLimits(grpc.aio.ServerInterceptor):
    """Refuses calls before their message is read, and ends those whose message does not come.

    gRPC tells nothing of a message before it is there as a whole, so that its bytes count from then
    on: at most `connections` messages can be on their way.
    """

    def __init__(self, limits: CallerLimits, settings: LimitSettings) -> None:
        self._limits = limits
        self._most = settings.connections
        self._message_s = settings.message_s
        self.open = 0

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: Any
    ) -> Any:
        """As gRPC asks it before it reads a message."""
        if details.method.startswith(_FREE):
            return await continuation(details)
        refusal = self._refusal()
        if refusal is not None:
            return _aborting(refusal)
        handler = await continuation(details)
        if handler is None:
            return None
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self.open += 1
        task.add_done_callback(self._closed)
        if handler.unary_unary is None:
            return handler
        # As a stream's, a handler begins before its message is there, and can wait for it.
        return grpc.stream_unary_rpc_method_handler(
            self._counted(handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _refusal(self) -> AdjudicateError | None:
        if self._limits.stopping:
            return shutting_down()
        if self.open >= self._most:
            return overloaded("The service has as many calls open as it may.")
        try:
            self._limits.bodies.check(0)
        except AdjudicateError as refusal:
            return refusal
        return None

    def _counted(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(requests: AsyncIterator[Any], context: Any) -> Any:
            try:
                self._limits.check()
                request = await self._only(requests)
                with self._limits.bodies.hold(len(getattr(request, "buffer", None) or b"")):
                    return await answer(request, context)
            except AdjudicateError as refusal:
                await abort(context, refusal)

        return counted

    async def _only(self, requests: AsyncIterator[Any]) -> Any:
        try:
            async with asyncio.timeout(self._message_s):
                return await anext(requests)
        except TimeoutError:
            raise RequestError(Code.REQUEST_TIMEOUT, "The message came too slowly.") from None
        except StopAsyncIteration:
            raise RequestError(Code.MALFORMED, "The call has no message.") from None

    def _closed(self, task: asyncio.Task[Any]) -> None:
        self.open -= 1


def _aborting(refusal: AdjudicateError) -> Any:
    """A handler that reads nothing: a stream's, since gRPC reads the message of any other first."""

    async def refuse(requests: Any, context: Any) -> None:
        await abort(context, refusal)

    return grpc.stream_unary_rpc_method_handler(refuse)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
