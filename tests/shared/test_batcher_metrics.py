"""What a batcher's metrics say of its queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from executors.shared.batcher import Batcher
from executors.shared.telemetry.catalogue import (
    BATCH_SECONDS,
    BATCH_SIZE,
    BATCH_WAIT,
    QUEUE_DEPTH,
)
from tests.telemetry.recorded import Since, recording

QUEUE = "clip"
DEPTH = (("queue", QUEUE),)


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


async def test_each_batch_counts_once_and_each_item_with_its_wait() -> None:
    sizes, waits, durations = Since(BATCH_SIZE), Since(BATCH_WAIT), Since(BATCH_SECONDS)
    batcher: Batcher[int, int] = Batcher(list, max_batch=4, max_wait=60, name=QUEUE)
    await asyncio.gather(*(batcher.submit(n) for n in range(8)))
    batcher.close()
    assert (sizes.of(queue=QUEUE), durations.of(queue=QUEUE)) == (2, 2)
    assert waits.of(queue=QUEUE) == 8


async def test_the_depth_is_what_waits_until_the_batcher_closes() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> Sequence[int]:
        entered.set()
        go_on.wait(60)
        return items

    batcher: Batcher[int, int] = Batcher(work, max_batch=1, max_wait=0, name=QUEUE)
    first = asyncio.ensure_future(batcher.submit(0))
    await asyncio.to_thread(entered.wait, 60)
    others = [asyncio.ensure_future(batcher.submit(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    assert QUEUE_DEPTH.read()[DEPTH] == 2
    go_on.set()
    await asyncio.gather(first, *others)
    assert QUEUE_DEPTH.read()[DEPTH] == 0
    batcher.close()
    assert DEPTH not in QUEUE_DEPTH.read()
