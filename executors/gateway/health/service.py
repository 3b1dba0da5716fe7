"""gRPC's health service (grpc.health.v1), for the service and for each room; it takes no key.

`""` and `adjudicate` are the service: whether ads can be decided. `adjudicate.encoder` and so on
are the rooms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from executors.gateway.health.replicas import OPTIONAL, Replicas

WATCHERS = 100
"""At a time. Who watches needs no key, and stays."""
SERVICE = "adjudicate"

_Status = health_pb2.HealthCheckResponse


class HealthService(health.aio.HealthServicer):
    """As grpcio-health-checking's, but for `Watch`: there the end of one watcher makes all others
    of the same name deaf, and nothing bounds how many there are."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: set[asyncio.Event] = set()

    async def Watch(self, request: Any, context: Any) -> None:
        """Say the status, and again whenever it changes, until the service stops."""
        if len(self._changed) >= WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch already")
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            said = None
            while True:
                changed.clear()
                stopping = self._gracefully_shutting_down  # before the status: else it is not said
                status = self._server_status.get(request.service, _Status.SERVICE_UNKNOWN)
                if status != said:
                    await context.write(_Status(status=status))
                    said = status
                if stopping:
                    return
                await changed.wait()
        finally:
            self._changed.discard(changed)

    async def set(self, service: str, status: Any) -> None:
        """Set the status of a name. Ignored once the service stops."""
        self.tell({service: status})

    def tell(self, statuses: dict[str, Any]) -> None:
        """Set several at once. Of the event loop's thread."""
        if self._gracefully_shutting_down:
            return
        self._server_status.update(statuses)
        self._wake()

    async def enter_graceful_shutdown(self) -> None:
        """Nothing is served from now on, and the watchers are told so, and let go."""
        self._gracefully_shutting_down = True
        self._server_status.update(dict.fromkeys(self._server_status, _Status.NOT_SERVING))
        self._wake()

    def _wake(self) -> None:
        for changed in self._changed:
            changed.set()


def statuses(replicas: Replicas, rooms: Iterable[str]) -> dict[str, Any]:
    """By name. A room that nothing is known of is `UNKNOWN`, and does not stop the service."""
    found = {room: replicas.healthy(room) for room in rooms}
    serving = not any(well is False for room, well in found.items() if room not in OPTIONAL)
    whole = _Status.SERVING if serving else _Status.NOT_SERVING
    by_room = {f"{SERVICE}.{room}": _status(well) for room, well in found.items()}
    return {"": whole, SERVICE: whole, **by_room}


def _status(well: bool | None) -> Any:
    if well is None:
        return _Status.UNKNOWN
    return _Status.SERVING if well else _Status.NOT_SERVING
