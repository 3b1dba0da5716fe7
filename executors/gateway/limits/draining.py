"""How a gateway stops: nothing new comes in, what is in flight finishes, nobody is left silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from jina.serve.runtimes.servers import BaseServer
from jina.serve.runtimes.servers.grpc import GRPCServer

from executors.gateway.limits.callers import CallerLimits
from executors.gateway.limits.places import Unfinished
from executors.gateway.limits.streams import Streams

logger = logging.getLogger(__name__)

FOR_ANSWERS_S = 1.0
"""For the last answers to be written, and for those that were given up to be told."""


class Draining:
    """Of the servers of one gateway."""

    def __init__(self, limits: CallerLimits, streams: Streams, seconds: float) -> None:
        """`seconds`: until what is in flight is given up."""
        self._limits = limits
        self._streams = streams
        self._seconds = seconds

    async def drain(self, servers: Sequence[BaseServer]) -> list[Unfinished]:
        """Stop accepting, wait, and give up what is left: it is answered `shutting_down`.

        Returns what that was, by caller, and logs it.
        """
        self._limits.stop()
        self._streams.stop()
        stops = [asyncio.ensure_future(_stop_accepting(one, self._seconds)) for one in servers]
        left = await self._limits.drained(self._seconds)
        if left:
            logger.warning("%s", told(left))
            self._limits.give_up()
        await self._answers_out(stops)
        for stop in stops:
            stop.cancel()
        return left

    async def _answers_out(self, stops: Sequence[asyncio.Future[None]]) -> None:
        try:
            async with asyncio.timeout(FOR_ANSWERS_S):
                await asyncio.wait(stops)
                await self._limits.bodies.empty()
        except TimeoutError:
            pass  # a client that does not read, or does not write on: it has had its time


def told(left: Sequence[Unfinished]) -> str:
    """One line for the operator."""
    requests, ads = sum(one.requests for one in left), sum(one.ads for one in left)
    callers = ", ".join(
        f"{one.caller} ({_count(one.requests, 'request')}, {_count(one.ads, 'ad')})"
        for one in sorted(left, key=lambda one: -one.ads)
    )
    return (
        f"stopped before {_count(requests, 'request')} with {_count(ads, 'ad')} "
        f"could be finished: {callers}"
    )


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


async def _stop_accepting(server: BaseServer, seconds: float) -> None:
    if isinstance(server, GRPCServer):
        await server.health_servicer.enter_graceful_shutdown()
        await server.server.stop(grace=seconds + FOR_ANSWERS_S)
    else:
        for listener in server.server.servers:
            listener.close()
