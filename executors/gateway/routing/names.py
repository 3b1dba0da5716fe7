"""The replicas behind a room's name, followed as they come and go.

Where a room is a name, gRPC would look it up once, connect to one of its addresses and stay there:
all requests would go to one replica, and a new one would get none. On Kubernetes a headless
service's name has the addresses of all pods that are ready, on Compose a service's those of its
containers. Each of them gets a connection of its own here, as a local Flow's replicas have, so that
requests take turns, a request that one does not answer goes to another, and canaries and changes
of models reach every one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from jina.serve.networking import GrpcConnectionPool

Found = frozenset[str]
"""Addresses, `host:port`."""
LookUp = Callable[[str, int], Awaitable[Found]]

REFRESH_S = 1.0
"""A request waits so long for a new look at a name, before it goes to whom is known."""
RETIRED_S = 90.0
"""A connection to a replica that has gone ends after this: longer than what it still answers."""

logger = logging.getLogger(__name__)


async def look_up(host: str, port: int) -> Found:
    """All addresses of a name, with the port. Raises `OSError` when nobody knows it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = (str(sockaddr[0]) for *_, sockaddr in found)
    return frozenset(f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in addresses)


class Names:
    """Belongs to the gateway's event loop."""

    def __init__(
        self,
        pool: GrpcConnectionPool,
        rooms: Iterable[str],
        every_s: float,
        gone: Callable[[str], None],
        look_up: LookUp = look_up,
    ) -> None:
        """`every_s`: seconds between two look-ups, 0: none; `gone` is told each address that is no
        replica's any more. A room with several addresses, or with one that is no name, stays as it
        is."""
        self._pool = pool
        self._every_s = every_s
        self._gone = gone
        self._look_up = look_up
        self._names = {room: name for room in rooms if (name := self._name_of(room))}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._unknown: set[str] = set()
        self._retired: set[asyncio.Task[None]] = set()
        self._schedule: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look all names up, and go on doing so."""
        if self._every_s and self._names:
            await self._look()
            self._schedule = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Look nothing up any more."""
        tasks = [*self._looking.values(), *self._retired]
        tasks += [self._schedule] if self._schedule else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self, room: str) -> None:
        """Look a room up now: one of its replicas did not answer. Several who ask share one look.

        Raises nothing when that fails, and waits no longer than `REFRESH_S`.
        """
        if self._schedule is not None and room in self._names:
            await asyncio.wait({self._look_at(room)}, timeout=REFRESH_S)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._look()
            except Exception:
                logger.exception("the rooms' names could not be looked up")

    async def _look(self) -> None:
        await asyncio.gather(*map(self._look_at, self._names))

    def _look_at(self, room: str) -> asyncio.Task[None]:
        if room not in self._looking:
            task = self._looking[room] = asyncio.ensure_future(self._follow(room))
            task.add_done_callback(lambda _: self._looking.pop(room, None))
        return self._looking[room]

    async def _follow(self, room: str) -> None:
        host, port = self._names[room]
        try:
            found, why = await self._look_up(host, port), "it has no address"
        except OSError as error:
            found, why = frozenset(), str(error)
        if found:
            self._unknown.discard(room)
            await self._take(room, found)
        elif room not in self._unknown:  # those that are known may still answer
            self._unknown.add(room)
            logger.warning("%s: no replica is known by the name %s: %s", room, host, why)

    async def _take(self, room: str, found: Found) -> None:
        """The new ones first: there is never a moment without any."""
        replicas = self._replicas(room)
        known = set(replicas._address_to_connection_idx)
        for address in sorted(found - known):
            replicas.add_connection(address, room)
        for address in known - found:
            channel = replicas._address_to_channel.pop(address, None)
            await replicas.remove_connection(address)
            self._gone(address)
            if channel is not None:
                self._retire(channel)
        if found != known:
            logger.info("%s: %s", room, ", ".join(sorted(found)))

    def _retire(self, channel: Any) -> None:
        async def close() -> None:
            try:
                await asyncio.sleep(RETIRED_S)
            finally:
                await channel.close()

        task = asyncio.ensure_future(close())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def _replicas(self, room: str) -> Any:
        return self._pool._connections.get_replicas(room, True)

    def _name_of(self, room: str) -> tuple[str, int] | None:
        replicas = self._replicas(room)
        addresses = list(replicas._address_to_connection_idx) if replicas else []
        if len(addresses) != 1:
            return None
        host, _, port = addresses[0].rpartition(":")
        if not host or not port.isdecimal() or _is_fixed(host):
            return None
        return host, int(port)


def _is_fixed(host: str) -> bool:
    """Whether there is nothing to look up."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True
