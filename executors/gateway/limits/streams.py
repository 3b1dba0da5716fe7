"""The requests of one connection of a Jina client, on gRPC and WebSocket.

In the place of Jina's own walk over them, which goes on with what nobody waits for any more, spins
where a client sends faster than it is answered, and lets the client say how much may be in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, Protocol

from jina.serve.runtimes.gateway.streamer import GatewayStreamer
from jina.types.request.data import DataRequest

from adjudicate.errors import AdjudicateError
from executors.gateway.caller import PROTOCOL
from executors.gateway.limits.callers import CallerLimits
from executors.gateway.limits.refusals import shutting_down
from executors.gateway.protocols.grpc_status import abort, tell
from executors.gateway.routing.rooms import refusal
from executors.gateway.telemetry.asked import refused_unasked
from executors.gateway.telemetry.tracing import anew

MOST = 64
"""Requests of one stream in flight; what comes meanwhile waits at the client."""

Requests = AsyncIterator[DataRequest] | Iterable[DataRequest]


class Answer(Protocol):
    """Answers a request, refusals too; calls `admitted` when it is through the door."""

    def __call__(
        self, request: DataRequest, admitted: Callable[[], None]
    ) -> Coroutine[Any, Any, DataRequest]: ...


class Streams:
    """All streams of a gateway. A stream that ends cancels what it has in flight."""

    def __init__(self, answer: Answer, limits: CallerLimits, prefetch: int = MOST) -> None:
        self._answer = answer
        self._limits = limits
        self._most = min(prefetch, MOST) or MOST
        self._open: set[_Stream] = set()

    def take_over(self, streamer: GatewayStreamer) -> None:
        """Answer for this gateway's gRPC and for Jina's WebSocket route."""
        inner = streamer._streamer
        inner.stream = inner.Call = self.stream
        inner.process_single_data = self.single

    async def single(self, request: DataRequest, context: Any = None) -> DataRequest:
        """One request that is a call of its own: cancelled with it. The call counts its bytes."""
        response = await self._answer(request, _nothing)
        tell(context, response)
        return response

    async def stream(
        self,
        request_iterator: Requests,
        context: Any = None,
        results_in_order: bool = False,
        prefetch: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[DataRequest]:
        """Yields the answers of requests as they come, or in the order of the requests.

        Another request is read when the one before is through the door, and fewer than `prefetch`
        are in flight or not yet taken by the client.
        """
        in_order, most = _asked(context, results_in_order, prefetch)
        stream = _Stream(self._counted, min(most or self._most, self._most), in_order)
        self._open.add(stream)
        try:
            async with aclosing(stream.run(request_iterator)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self._open.discard(stream)
        if stream.stopped and context is not None:
            await abort(context, shutting_down())

    def stop(self) -> None:
        """Read no further requests; the streams end when those that were read are answered."""
        for stream in self._open:
            stream.stop()

    async def _counted(self, request: DataRequest, admitted: Callable[[], None]) -> DataRequest:
        try:
            with anew(), self._limits.bodies.hold(len(request.buffer or b"")):
                return await self._answer(request, admitted)
        except AdjudicateError as error:
            refused_unasked(PROTOCOL.get(), error)
            return refusal(request, error)


class _Stream:
    def __init__(self, answer: Answer, most: int, in_order: bool) -> None:
        self._answer = answer
        self._in_order = in_order
        self._places = asyncio.Semaphore(most)
        self._done: asyncio.Queue[asyncio.Task[DataRequest] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[DataRequest]] = set()
        self._reader: asyncio.Task[None] | None = None
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True
        if self._reader is not None:
            self._reader.cancel()

    async def run(self, requests: Requests) -> AsyncGenerator[DataRequest, None]:
        self._reader = asyncio.ensure_future(self._read(requests))
        reading = True
        try:
            while reading or self._tasks:
                task = await self._done.get()
                if task is None:
                    reading = False
                    continue
                answer = await task
                self._tasks.discard(task)
                yield answer
                self._places.release()
            if not self.stopped:
                await self._reader
        finally:
            self._reader.cancel()
            for task in self._tasks:
                task.cancel()

    async def _read(self, requests: Requests) -> None:
        try:
            async for request in _each(requests):
                await self._places.acquire()
                admitted = asyncio.Event()
                task = asyncio.ensure_future(self._answer(request, admitted.set))
                self._tasks.add(task)
                if self._in_order:
                    self._done.put_nowait(task)
                else:
                    task.add_done_callback(self._done.put_nowait)
                await _either(admitted, task)
        finally:
            self._done.put_nowait(None)


async def _either(admitted: asyncio.Event, task: asyncio.Task[DataRequest]) -> None:
    """Until the request is through the door or refused at it."""
    task.add_done_callback(lambda _: admitted.set())
    await admitted.wait()


async def _each(requests: Requests) -> AsyncIterator[DataRequest]:
    if isinstance(requests, AsyncIterator):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request


def _asked(context: Any, in_order: bool, prefetch: int | None) -> tuple[bool, int | None]:
    """What a Jina client asks for beside its requests."""
    for name, value in context.invocation_metadata() if context is not None else ():
        if name == "__results_in_order__":
            in_order = value == "true"
        elif name == "__prefetch__" and str(value).isdigit():
            prefetch = int(value)
    return in_order, prefetch


def _nothing() -> None:
    """Nobody waits for a single request's turn."""
