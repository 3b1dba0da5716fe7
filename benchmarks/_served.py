"""Served systems and how they are asked: the encoder's room alone, and the whole Flow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from adjudicate import Ad, AdjudicateError
from adjudicate.transports import Transport, open_transport
from benchmarks._servers import Server, wait_for

BATCH = 32
CONCURRENCY = (1, 8, 32)

Send = Callable[[Transport, list[Ad]], Awaitable[None]]


async def embed(transport: Transport, ads: list[Ad]) -> None:
    """Raises `AssertionError` for an ad without an embedding."""
    for answer in await transport.embed(ads):
        assert answer.image is not None, answer.problem


async def review(transport: Transport, ads: list[Ad]) -> None:
    """Raises `AssertionError` for an ad that the judge would have had to see."""
    async for _, decision in transport.review(ads):
        assert decision.outcome == "approve", (decision.reasons, decision.problem)


class Target:
    """One served system. What is measured gathers per load: CPU ms per image, images per second."""

    def __init__(self, server: Server, port: int, send: Send) -> None:
        self.cost: dict[str, list[float]] = {}
        self.rate: dict[str, list[float]] = {}
        self._server = server
        self._url = f"grpc://localhost:{port}"
        self._send = send

    def wait(self) -> None:
        """Wait until it serves."""
        wait_for(self._server, lambda: asyncio.run(self._answers()))

    def warm(self, images: Sequence[bytes]) -> None:
        """Send every picture in batches, and some one by one."""
        self.wait()
        asyncio.run(self._load(images, 2, BATCH))
        asyncio.run(self._load(images[:BATCH], BATCH, 1))

    def measure(self, images: Sequence[bytes]) -> None:
        """One round: every concurrency with single-image requests, then batches."""
        loads = [(f"concurrency {n}", n, 1) for n in CONCURRENCY]
        for load, concurrency, size in (*loads, (f"batches of {BATCH}", 2, BATCH)):
            # One at a time takes longest and varies least; with 32 at a time the first and the last
            # are fewer, which many pictures outweigh.
            sent = images[: len(images) // 6] if concurrency == 1 else images
            sent = images[: len(images) // 2] if concurrency == 8 else sent
            before, started = self._server.cpu_seconds(), time.perf_counter()
            asyncio.run(self._load(sent, concurrency, size))
            seconds = time.perf_counter() - started
            spent = self._server.cpu_seconds() - before
            self.cost.setdefault(load, []).append(spent / len(sent) * 1_000)
            self.rate.setdefault(load, []).append(len(sent) / seconds)

    async def _load(self, images: Sequence[bytes], concurrency: int, size: int) -> None:
        transport = open_transport(self._url, {})
        gate = asyncio.Semaphore(concurrency)

        async def one(part: Sequence[bytes]) -> None:
            async with gate:
                await self._send(transport, [Ad(image=image) for image in part])

        try:
            parts = [images[at : at + size] for at in range(0, len(images), size)]
            await asyncio.gather(*map(one, parts))
        finally:
            await transport.close()

    async def _answers(self) -> bool:
        transport = open_transport(self._url, {})
        try:
            async with asyncio.timeout(10):
                await transport.embed([Ad(text="ready?")])
        except (AdjudicateError, TimeoutError):
            return False
        finally:
            await transport.close()
        return True
