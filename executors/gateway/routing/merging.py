"""Requests that wait for one room travel to it as one message.

A message costs a room and the gateway about a millisecond of CPU, whatever is in it. Where many
clients send single ads, those that come within milliseconds go to the encoder together; it answers
a batch at a time, and what then waits for the library, and later for the ledger, goes on together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.errors import Code, ServiceError
from executors.gateway.routing.pictures import chosen, documents

Parts = Mapping[str, DataRequest]
"""What a room gets, by the room that it comes from. It answers one document per document of the
first, in their order."""
Send = Callable[[list[DataRequest]], Awaitable[DataRequest]]

IN_FLIGHT = 2
"""Messages to a quick room's replica at a time; what comes meanwhile is merged. Two: it is never
idle."""
LONGEST = 3
"""Windows that a call waits at most."""
MOST = 128
"""Documents in a merged message."""


@dataclass
class _Call:
    parts: Parts
    answer: asyncio.Future[DataRequest] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def documents(self) -> int:
        return len(documents(next(iter(self.parts.values()))))


class Merging:
    """The calls of one room. Belongs to one event loop.

    A message goes when fewer than `in_flight` are under way, and `window` seconds after the last
    call that it holds, but at most three times as long after the first: as long as others keep
    coming, they are worth waiting for. `replicas` says how many share the messages; each has
    `in_flight` of them.
    """

    def __init__(
        self,
        send: Send,
        *,
        in_flight: int = IN_FLIGHT,
        window: float = 0.0,
        most: int = MOST,
        replicas: Callable[[], int] = lambda: 1,
    ) -> None:
        self._send = send
        self._in_flight = in_flight
        self._replicas = replicas
        self._window = window
        self._most = most
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._waiting: deque[_Call] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, parts: Parts) -> DataRequest:
        """The room's answer to these parts alone.

        Raises what sending raises, and `ServiceError` when it does not answer every document.
        """
        call = _Call(parts)
        self._waiting.append(call)
        self._wait_for_others()
        return await call.answer

    def _wait_for_others(self) -> None:
        """Even without a window: what the room before answered together asks together."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._timer is None:
            self._until = now + LONGEST * self._window
        elif not self._window:
            return
        else:
            self._timer.cancel()
        self._timer = loop.call_at(min(now + self._window, self._until), self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        most = self._in_flight * max(1, self._replicas())
        while self._waiting and len(self._under_way) < most:
            task = asyncio.ensure_future(self._together(self._next()))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._waiting and self._timer is None:
            self._go_on()

    def _next(self) -> list[_Call]:
        calls = [self._waiting.popleft()]
        size = calls[0].documents
        while self._waiting and size + self._waiting[0].documents <= self._most:
            calls.append(self._waiting.popleft())
            size += calls[-1].documents
        return calls

    async def _together(self, calls: list[_Call]) -> None:
        calls = [call for call in calls if not call.answer.done()]  # else its client has gone
        if len(calls) == 1:
            await self._alone(calls[0])
        elif calls:
            try:
                answer = await self._send(_merged([call.parts for call in calls]))
                answers = _split(answer, [call.documents for call in calls])
            except Exception:
                # Whatever one request does to the room, the others are asked for themselves.
                await asyncio.gather(*map(self._alone, calls))
                return
            for call, own in zip(calls, answers, strict=True):
                if not call.answer.done():
                    call.answer.set_result(own)

    async def _alone(self, call: _Call) -> None:
        try:
            answer = await self._send(list(call.parts.values()))
        except Exception as error:
            if not call.answer.done():
                call.answer.set_exception(error)
        else:
            if not call.answer.done():
                call.answer.set_result(answer)


def _merged(calls: list[Parts]) -> list[DataRequest]:
    """One request per room that parts come from, with the documents of all calls in order."""
    merged: dict[str, DataRequest] = {}
    for parts in calls:
        for name, part in parts.items():
            if name in merged:
                merged[name].data._content.docs.docs.extend(documents(part))
            else:
                merged[name] = chosen(part, documents(part))
    return list(merged.values())


def _split(answer: DataRequest, sizes: list[int]) -> list[DataRequest]:
    """The answer of each call. Raises `ServiceError` if they do not add up."""
    found = documents(answer)
    if answer.status.code == jina_pb2.StatusProto.ERROR or len(found) != sum(sizes):
        raise ServiceError(Code.INTERNAL, f"{len(found)} answers for {sum(sizes)} documents")
    answers = []
    start = 0
    for size in sizes:
        answers.append(chosen(answer, found[start : start + size]))
        start += size
    return answers
