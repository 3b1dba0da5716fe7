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
        self._tasks: set[asyncio.Task[Any]] = set()
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
        sent = {
            "requests": requests,
            "metadata": tuple(told.items()) or None,
            "compression": self._pool.compression,
            "timeout": timeout,
        }
        most = None if retries is None or retries < 0 else 1 + retries
        task = asyncio.ensure_future(self._send(connections, sent, most))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End what is still tried, for whoever has given up waiting: the loop is about to end."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, connections: Any, sent: Mapping[str, Any], most: int | None) -> Any:
        """In rounds, with a pause before each: in each every replica that is known then is asked
        once. A room that was given up has one round, until it has answered."""
        asked: list[str] = []
        failed: set[str] = set()  # in this round
        pauses = iter(PAUSES_S)
        last: AioRpcError | None = None
        while most is None or len(asked) < most:
            connection = self._choice.of(connections.get_all_connections(), failed)
            room, address = connection.deployment_name, connection.address
            if address in failed:  # so has every other one
                pause = next(pauses, None)
                waits = last is not None and last.code() is StatusCode.UNAVAILABLE
                if pause is None or not waits or room in self._given_up:
                    break
                await asyncio.sleep(pause)
                await self._refresh(room)
                failed.clear()
                continue
            asked.append(address)
            failed.add(address)
            try:
                with self._choice.under_way(address):
                    answer = await connection.send_requests(**sent)
            except AioRpcError as error:
                if (final := await self._failed(error, connection, connections, sent)) is not None:
                    return final
                last = error
            else:
                self._given_up.discard(room)
                return answer
        assert last is not None
        self._given_up.add(room)
        return InternalNetworkError(
            og_exception=last,
            request_id=sent["requests"][0].request_id,
            dest_addr={*asked},
            details=last.details(),
        )

    async def _failed(
        self, error: AioRpcError, connection: Any, connections: Any, sent: Mapping[str, Any]
    ) -> Any:
        """What the request comes to when no replica can help it; None when another one may."""
        self._choice.failed(connection.address)
        final = await self._pool._handle_aiorpcerror(
            error=error,
            retry_i=0,  # how often it is tried is not Jina's to say
            total_num_tries=2,
            request_id=sent["requests"][0].request_id,
            tried_addresses={connection.address},
            current_address=connection.address,
            current_deployment=connection.deployment_name,
            connection_list=connections,
        )
        if final is None:
            await self._refresh(connection.deployment_name)
        return final
