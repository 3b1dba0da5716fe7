"""A room's gRPC server that lets what is in flight finish before the room is closed."""

from __future__ import annotations

from typing import Any

from jina.serve.runtimes.servers import BaseServer
from jina.serve.runtimes.servers.grpc import GRPCServer


class RoomServer(GRPCServer):
    """As Jina's, which at a stop closes the room under its requests and then cuts them off.

    Without a supervisor nobody stops the gateways first: a room must expect requests until its
    last moment. What comes after that is refused, and a gateway asks another replica.
    """

    def __init__(self, drain_s: float, **kwargs: Any) -> None:
        """`drain_s`: after which what is still in flight is cut off."""
        super().__init__(**kwargs)
        self._drain_s = drain_s
        self._stopped = False

    async def shutdown(self) -> None:
        """Accept nothing more, finish what is in flight within the bound, then close the room."""
        if self._stopped:  # Jina's runtime stops its server twice
            return
        self._stopped = True
        await self.health_servicer.enter_graceful_shutdown()
        await self.server.stop(grace=self._drain_s)
        await self._request_handler.close()
        await BaseServer.shutdown(self)
