"""Jina's own list of a room's replicas, whose connections answer in this process."""

from __future__ import annotations

import logging
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from jina.serve.networking import GrpcConnectionPool

ROOM = "encoder"


class NoReplicas:
    """The list of a pool that answers in this process itself, and has no connections."""

    def get_replicas(self, room: str, head: bool) -> None:
        return None


class Channel:
    """Of one connection."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self, grace: float | None = None) -> None:
        self.closed = True


class Connection:
    """To one replica: its answer is its address, or what asking it raises."""

    def __init__(self, address: str, pool: Pool) -> None:
        self.address, self.deployment_name = address, ROOM
        self.channel = Channel()
        self._pool = pool

    async def send_requests(self, **sent: Any) -> tuple[str, Any]:
        self._pool.asked.append(self.address)
        await self._pool.meanwhile()
        if self.address in self._pool.down:
            raise AioRpcError(StatusCode.UNAVAILABLE, Metadata(), Metadata(), "down")
        return self.address, sent["metadata"]


class Pool(GrpcConnectionPool):
    """Jina's, with a room whose replicas are at these addresses. Those in `down` do not answer."""

    def __init__(self, *addresses: str) -> None:
        super().__init__("gateway", logger=logging.getLogger("jina"))
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.add_connection(ROOM, "unused:1", head=True)
        self.replicas = self._connections.get_replicas(ROOM, True)
        self.replicas._connections.clear()
        self.replicas._address_to_connection_idx.clear()
        self.replicas._address_to_channel.clear()
        self.replicas._create_connection = self._connected
        for address in addresses:
            self.replicas.add_connection(address, ROOM)

    @property
    def known(self) -> list[str]:
        """The addresses that are asked in turn."""
        return [connection.address for connection in self.replicas.get_all_connections()]

    async def meanwhile(self) -> None:
        """Happens while a replica is asked."""

    def _connected(self, address: str, deployment_name: str) -> tuple[Connection, Channel]:
        connection = Connection(address, self)
        return connection, connection.channel
