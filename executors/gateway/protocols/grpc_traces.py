"""gRPC calls: of which trace they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from executors.gateway.telemetry.tracing import know_by


class CallTraces(grpc.aio.ServerInterceptor):
    """Stands before all others, so that whoever refuses the call can say its trace id."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: Any
    ) -> Any:
        """By the call's `traceparent`; without one a trace begins here."""
        named = (
            value
            for name, value in details.invocation_metadata or ()
            if name == "traceparent" and isinstance(value, str)
        )
        # The interceptors and the handler of a call run in one task, so this is the call's alone.
        know_by(next(named, None))
        return await continuation(details)
