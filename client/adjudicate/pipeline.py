"""Ads in, decisions out: requests of a bounded size, a bounded number of them in flight.

At most `in_flight` requests and the decisions that nobody has taken yet are in memory, so an
endless source of ads is fine; a consumer that is slow slows the sending down.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from adjudicate.documents import Ad, Decision
from adjudicate.errors import AdjudicateError
from adjudicate.things import Thing, Things, ads_of

Ads = Things | AsyncIterable[Thing]

LINGER = 0.05
"""Seconds that a request which is not full waits for the next ad of a slow source."""
REQUEST_BYTES = 16 * 1024 * 1024
"""A request is full at this many bytes of pictures, however few ads it has."""


@dataclass(frozen=True)
class Numbered:
    """An ad and its position in the input: two ads may share an id."""

    index: int
    ad: Ad


Batch = list[Numbered]


@dataclass(frozen=True)
class Decided:
    """A decision and the position of its ad in the input."""

    index: int
    decision: Decision


@dataclass(frozen=True)
class Failed:
    """A request that failed for good, and its ads that have no decision."""

    error: AdjudicateError
    ads: Batch


Emit = Callable[[Decided], Awaitable[None]]
Send = Callable[[Batch, Emit], Coroutine[Any, Any, Failed | None]]


async def source(ads: Ads) -> AsyncGenerator[Ad, None]:
    """Every kind of input as one async iterator. Raises `TypeError` for what is not an ad."""
    if isinstance(ads, Ad):
        ads = [ads]
    if isinstance(ads, AsyncIterable):
        items = _from_async(ads)
    elif isinstance(ads, list | tuple) and all(isinstance(ad, Ad) for ad in ads):
        items = _from_sequence(ads)
    else:
        items = _from_thread(ads_of(ads))
    async with aclosing(items):
        async for ad in items:
            yield ad


async def _from_sequence(ads: Sequence[Ad]) -> AsyncGenerator[Ad, None]:
    for ad in ads:
        yield ad


async def _from_async(things: AsyncIterable[Thing]) -> AsyncGenerator[Ad, None]:
    following = aiter(things)
    try:
        async for thing in following:
            if isinstance(thing, Ad):
                yield thing
                continue
            async with aclosing(_from_thread(ads_of([thing]))) as ads:
                async for ad in ads:
                    yield ad
    finally:
        if isinstance(following, AsyncGenerator):
            await following.aclose()


async def held_back(
    ads: AsyncGenerator[Ad, None], room: asyncio.Semaphore
) -> AsyncGenerator[Ad, None]:
    """The ads, each when there is room for it: whoever releases bounds how many are out."""
    async with aclosing(ads):
        while True:
            await room.acquire()
            ad = await anext(ads, None)
            if ad is None:
                return
            yield ad


async def _from_thread(ads: Iterable[Ad]) -> AsyncGenerator[Ad, None]:
    """A plain iterator may block (a disk, a pipe): one daemon thread of its own advances it."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Ad | Exception | None] = asyncio.Queue(maxsize=1)
    stopped = threading.Event()

    def hand_over(item: Ad | Exception | None) -> bool:
        try:
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()
        except RuntimeError:  # the loop was closed while the source blocked
            return False
        return not stopped.is_set()

    def pump() -> None:
        try:
            for ad in ads:
                if stopped.is_set() or not hand_over(ad):
                    return
        except Exception as error:  # the source's own error belongs to whoever consumes it
            hand_over(error)
        else:
            hand_over(None)

    threading.Thread(target=pump, name="adjudicate-source", daemon=True).start()
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        with suppress(asyncio.QueueEmpty):  # frees the thread if it waits to hand one over
            queue.get_nowait()


async def reordered(
    decided: AsyncGenerator[tuple[int, Decision], None],
) -> AsyncGenerator[Decision, None]:
    """The decisions by the index of their ads. What was decided before an exception comes first."""
    early: dict[int, Decision] = {}
    following = 0
    failure: Exception | None = None
    async with aclosing(decided):
        try:
            async for index, decision in decided:
                early[index] = decision
                while following in early:
                    yield early.pop(following)
                    following += 1
        except Exception as error:
            failure = error
    for index in sorted(early):  # behind an ad that has no decision
        yield early[index]
    if failure is not None:
        raise failure


async def batches(
    ads: AsyncGenerator[Ad, None], size: int, *, linger: float = LINGER
) -> AsyncGenerator[Batch, None]:
    """Requests of up to `size` ads; fewer where they are heavy or the source is slow."""
    batch: Batch = []
    weight = index = 0
    following = asyncio.ensure_future(anext(ads, None))
    try:
        while True:
            await asyncio.wait({following}, timeout=linger if batch else None)
            if not following.done():
                yield batch
                batch, weight = [], 0
                continue
            ad = following.result()
            if ad is None:
                break
            batch.append(Numbered(index, ad))
            index += 1
            weight += len(ad.image or b"")
            if len(batch) >= size or weight >= REQUEST_BYTES:
                yield batch
                batch, weight = [], 0
            following = asyncio.ensure_future(anext(ads, None))
        if batch:
            yield batch
    finally:
        following.cancel()
        with suppress(BaseException):
            await following
        await ads.aclose()


async def run(
    requests: AsyncGenerator[Batch, None], send: Send, in_flight: int, *, go_on: bool
) -> AsyncGenerator[Decided | Failed, None]:
    """Send requests, `in_flight` at a time, and yield what comes back as it comes.

    After a failed request the source is read on only if `go_on`; what is in flight is answered
    in both cases. An exception of the source, or a defect in `send`, is raised at the end.
    """
    out: asyncio.Queue[Decided | Failed | None] = asyncio.Queue(maxsize=in_flight)
    free = asyncio.Semaphore(in_flight)
    flying: set[asyncio.Task[None]] = set()
    defects: list[BaseException] = []

    async def one(batch: Batch) -> None:
        try:
            failed = await send(batch, out.put)
            if failed is not None:
                if not go_on:
                    feeder.cancel()
                await out.put(failed)
        except Exception as error:  # not the service's answer but a defect: it ends the stream
            defects.append(error)
            feeder.cancel()
        finally:
            free.release()

    async def feed() -> None:
        # A place first, then the ads for it: nothing is read that cannot be sent at once.
        while await free.acquire() and (batch := await anext(requests, None)) is not None:
            task = asyncio.create_task(one(batch))
            flying.add(task)
            task.add_done_callback(flying.discard)

    async def finish() -> None:
        await asyncio.wait({feeder})
        while flying:
            await asyncio.wait(flying)
        await out.put(None)

    feeder = asyncio.create_task(feed())
    finisher = asyncio.create_task(finish())
    try:
        while (item := await out.get()) is not None:
            yield item
        if defects:
            raise defects[0]
        if not feeder.cancelled():
            feeder.result()
    finally:
        tasks = [feeder, finisher, *flying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await requests.aclose()
