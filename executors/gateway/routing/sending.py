"""How a request gets to a replica, and to another one when that does not answer.

Jina's pool does the same with replicas that stay. With replicas that come and go its search for
one that was not tried yet can go round for ever, and with it the gateway's event loop. And it asks
again at once: gRPC, which connects again after a second at most (`shared.pings`), would refuse all
those tries for a replica that was asked before it listened and does so now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError
from jina.excepts import InternalNetworkError
from jina.serve.networking import GrpcConnectionPool
from jina.types.request import Request

from executors.gateway.routing.choosing import Choice

PAUSES_S = (0.1, 0.2, 0.4, 0.7)
"""When every replica has failed: before each further try. In sum more than gRPC's second."""

Refresh = Callable[[str], Awaitable[None]]


class Sending:
    """Stands in the place of a pool's own way of sending."""

    def __init__(self, pool: GrpcConnectionPool, refresh: Refresh) -> None:
        """`refresh` is called with a room one of whose replicas did not answer."""
        self._pool = pool
        self._refresh = refresh
        self._choice = Choice()
        self._given_up: set[str] = set()
        pool._send_requests = self._task

    def _task(
        self,
        requests: list[Request],
        connections: Any,
        endpoint: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
        retries: int | None = -1,
    ) -> asyncio.Task[Any]:
        """As Jina's: the answer and its metadata, or the error as a value."""
        told = {**(metadata or {}), **({"endpoint": endpoint} if endpoint else {})}
        tries = len(connections.get_all_connections()) + len(PAUSES_S)
        if retries is not None and retries >= 0:
            tries = 1 + retries
        sent = {
            "requests": requests,
            "metadata": tuple(told.items()) or None,
            "compression": self._pool.compression,
            "timeout": timeout,
        }
        return asyncio.ensure_future(self._send(connections, sent, tries))

    async def _send(self, connections: Any, sent: Mapping[str, Any], tries: int) -> Any:
        """A room that was given up is not waited for again before it has answered."""
        tried: set[str] = set()
        pauses = iter(PAUSES_S)
        for number in range(tries):
            connection = self._choice.of(connections.get_all_connections(), tried)
            room = connection.deployment_name
            if connection.address in tried and room not in self._given_up:
                await asyncio.sleep(next(pauses, 0.0))
                await self._refresh(room)
                connection = self._choice.of(connections.get_all_connections(), tried)
            tried.add(connection.address)
            try:
                with self._choice.under_way(connection.address):
                    answer = await connection.send_requests(**sent)
            except AioRpcError as error:
                self._choice.failed(connection.address)
                given_up = await self._pool._handle_aiorpcerror(
                    error=error,
                    retry_i=number,
                    request_id=sent["requests"][0].request_id,
                    tried_addresses=tried,
                    total_num_tries=tries,
                    current_address=connection.address,
                    current_deployment=room,
                    connection_list=connections,
                )
                if given_up is not None:
                    if error.code() is StatusCode.UNAVAILABLE:
                        self._given_up.add(room)
                    return given_up
                last = error
            else:
                self._given_up.discard(room)
                return answer
            await self._refresh(room)
        return InternalNetworkError(
            og_exception=last, request_id=sent["requests"][0].request_id, dest_addr=tried
        )
