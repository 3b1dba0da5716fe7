"""The pipeline on its own: a defect in sending must end the stream, not hang it."""

from __future__ import annotations

import asyncio

import pytest

from adjudicate import Ad, Decision
from adjudicate.pipeline import Batch, Decided, Emit, Failed, batches, run, source


async def test_a_defect_while_sending_is_raised_and_not_swallowed() -> None:
    async def send(batch: Batch, emit: Emit) -> Failed | None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        async for _ in run(batches(source([Ad()] * 5), 1), send, 2, go_on=False):
            pass


async def test_leaving_early_cancels_what_is_in_flight() -> None:
    cancelled = 0

    async def send(batch: Batch, emit: Emit) -> Failed | None:
        nonlocal cancelled
        if batch[0].index == 0:
            await emit(Decided(0, Decision()))
            return None
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        return None

    stream = run(batches(source([Ad()] * 5), 1), send, 3, go_on=False)
    await anext(stream)
    await asyncio.sleep(0.05)
    await stream.aclose()
    assert cancelled == 3


async def test_a_slow_consumer_slows_the_sending_down() -> None:
    sent = 0

    async def send(batch: Batch, emit: Emit) -> Failed | None:
        nonlocal sent
        sent += 1
        await emit(Decided(batch[0].index, Decision()))
        return None

    stream = run(batches(source([Ad()] * 100), 1), send, 2, go_on=False)
    await anext(stream)
    await asyncio.sleep(0.1)
    assert sent <= 1 + 2 + 2, "one taken, two waiting, two that hold a place"
    await stream.aclose()
