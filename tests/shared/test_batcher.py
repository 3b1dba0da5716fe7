"""The queue in front of the model: shared batches, isolated failures, deadlines."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from executors.shared.batcher import SPENT, Batcher, Closed, Expired

Make = Callable[..., Batcher[int, int]]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Batcher[int, int]] = []

    def build(
        work: Callable[[Sequence[int]], Sequence[int]], max_batch: int = 8, max_wait: float = 0.05
    ) -> Batcher[int, int]:
        made.append(Batcher(work, max_batch=max_batch, max_wait=max_wait))
        return made[-1]

    yield build
    for batcher in made:
        batcher.close()


async def test_concurrent_submits_share_a_batch_and_get_their_own_results(make: Make) -> None:
    batches: list[list[int]] = []

    def double(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return [2 * item for item in items]

    batcher = make(double, max_batch=4)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(6))) == [0, 2, 4, 6, 8, 10]
    assert batches == [[0, 1, 2, 3], [4, 5]]


async def test_a_batch_waits_only_while_items_are_on_their_way() -> None:
    batches: list[list[int]] = []

    def note(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    coming = 1
    batcher: Batcher[int, int] = Batcher(note, max_batch=8, max_wait=60, coming=lambda: coming)
    first = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.1)
    assert not first.done()
    coming = 0
    assert await asyncio.wait_for(asyncio.gather(first, batcher.submit(2)), 30) == [1, 2]
    assert await asyncio.wait_for(batcher.submit(3), 30) == 3
    assert batches == [[1, 2], [3]]
    batcher.close()


@pytest.mark.parametrize(("linger", "expected"), [(2.0, [[1], [2, 3]]), (0.0, [[1], [2], [3]])])
async def test_right_after_a_batch_the_next_one_lingers_for_those_that_had_to_wait(
    linger: float, expected: list[list[int]]
) -> None:
    batches: list[list[int]] = []

    def note(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    batcher: Batcher[int, int] = Batcher(
        note, max_batch=2, max_wait=60, coming=lambda: 0, linger=linger
    )
    await batcher.submit(1)
    second = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0.2)
    assert second.done() == (not linger)
    await asyncio.gather(second, batcher.submit(3))
    assert batches == expected
    batcher.close()


async def test_several_workers_work_at_the_same_time_and_all_end() -> None:
    together = threading.Barrier(2, timeout=30)

    def meet(items: Sequence[int]) -> list[int]:
        together.wait()
        return list(items)

    batcher: Batcher[int, int] = Batcher(meet, max_batch=1, max_wait=0, workers=2)
    assert await asyncio.gather(batcher.submit(1), batcher.submit(2)) == [1, 2]
    await asyncio.wait_for(asyncio.to_thread(batcher.close), 30)
    with pytest.raises(Closed):
        await batcher.submit(3)


async def test_one_item_at_fault_does_not_fail_the_others(make: Make) -> None:
    def picky(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise MemoryError("too large")
        return list(items)

    batcher = make(picky)
    results = await asyncio.gather(*(batcher.submit(n) for n in (1, 13, 2)), return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], MemoryError)
    assert results[2] == 2
    assert await batcher.submit(3) == 3


async def test_an_item_past_its_deadline_is_skipped(make: Make) -> None:
    seen: list[int] = []
    gate = threading.Event()

    def slow(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        gate.wait(5)
        return list(items)

    batcher = make(slow, max_batch=1)
    first = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.05)
    with pytest.raises(Expired):
        await batcher.submit(2, deadline=time.time() + 0.05)
    gate.set()
    assert await first == 1
    assert await batcher.submit(3) == 3
    assert seen == [1, 3]


async def test_a_deadline_in_the_past_never_reaches_the_model(make: Make) -> None:
    seen: list[int] = []

    def note(items: Sequence[int]) -> list[int]:
        seen.extend(items)
        return list(items)

    batcher = make(note)
    with pytest.raises(Expired):
        await batcher.submit(1, deadline=time.time() - 1)
    await batcher.submit(2)
    assert seen == [2]


async def test_the_event_loop_runs_on_while_the_model_works(make: Make) -> None:
    def slow(items: Sequence[int]) -> list[int]:
        time.sleep(0.3)
        return list(items)

    work = asyncio.create_task(make(slow).submit(1))
    await asyncio.sleep(0)
    started = time.perf_counter()
    await asyncio.sleep(0.01)
    assert time.perf_counter() - started < 0.2
    assert await work == 1


async def test_a_wrong_number_of_results_is_an_error_not_a_hang(make: Make) -> None:
    with pytest.raises(RuntimeError):
        await make(lambda items: [1, 2, 3]).submit(1)


async def test_close_refuses_new_items_and_fails_waiting_ones() -> None:
    gate = threading.Event()

    def slow(items: Sequence[int]) -> list[int]:
        gate.wait(5)
        return list(items)

    batcher: Batcher[int, int] = Batcher(slow, max_batch=1, max_wait=0)
    working = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    await asyncio.sleep(0.05)
    gate.set()
    await closing
    assert await working == 1
    with pytest.raises(Closed):
        await waiting
    with pytest.raises(Closed):
        await batcher.submit(3)


async def test_who_wants_to_know_hears_how_long_an_item_waited_and_was_worked_on(
    make: Make,
) -> None:
    gate, begun = threading.Event(), threading.Event()

    def wait(items: Sequence[int]) -> list[int]:
        begun.set()
        gate.wait(30)
        return list(items)

    async def submit(batcher: Batcher[int, int], item: int) -> dict[str, float]:
        spent: dict[str, float] = {}
        SPENT.set(spent)
        await batcher.submit(item)
        return spent

    batcher = make(wait, max_batch=1, max_wait=0)
    both = asyncio.gather(submit(batcher, 1), submit(batcher, 2))
    await asyncio.to_thread(begun.wait, 30)
    await asyncio.sleep(0.1)
    gate.set()
    first, second = await both
    assert first["model"] >= 90.0
    assert second["wait"] >= 90.0
    assert all(ms >= 0 for spent in (first, second) for ms in spent.values())
    assert await batcher.submit(3) == 3
