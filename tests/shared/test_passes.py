"""When memory runs out: the batch halves, then single items, then that item's error, no more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from executors.shared.passes import (
    CALM_PASSES,
    RETRIES,
    WAIT_S,
    OutOfMemory,
    PassBytes,
    PassSize,
    is_out_of_memory,
)

SAID = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"


class Device:
    """A pass that fails above a number of items, as a full device does."""

    def __init__(self, holds: int) -> None:
        self.holds = holds
        self.tried: list[int] = []
        self.freed = 0

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.holds:
            raise RuntimeError(SAID)
        return list(items)

    def free(self) -> None:
        self.freed += 1


def run(size: PassSize, device: Device, items: Sequence[int]) -> list[int]:
    return [item for part in size.run(items, device, device.free) for item in part]


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    size, device = PassSize(32, 1e9, 1), Device(holds=9)
    assert run(size, device, range(40)) == list(range(40))
    assert device.tried == [32, 16, 8, 8, 8, 8, 8]
    assert device.freed == 2
    assert size.now == 8


def test_single_items_are_the_end() -> None:
    size, device = PassSize(4, 1e9, 1), Device(holds=0)
    with pytest.raises(OutOfMemory, match="can't allocate"):
        run(size, device, range(3))
    assert device.tried == [3, 1]


def test_the_number_grows_again_after_calm_passes_and_not_above_the_most() -> None:
    size, device = PassSize(32, 1e9, 1), Device(holds=8)
    run(size, device, range(32))
    assert size.now == 8
    device.holds = 100
    run(size, device, range(8 * CALM_PASSES))
    assert size.now == 16
    run(size, device, range(16 * CALM_PASSES + 100 * 32))
    assert size.now == 32


def test_any_other_error_is_raised_as_it_is() -> None:
    def broken(items: Sequence[int]) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        PassSize(4, 1e9, 1).run([1, 2], broken, lambda: None)


def test_the_first_number_is_what_the_budget_holds() -> None:
    assert PassSize(32, budget=1_000, per_item=100).now == 10
    assert PassSize(32, budget=1_000, per_item=10).now == 32
    assert PassSize(32, budget=0, per_item=10).now == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 254.00 GiB"),
        MemoryError(),
        RuntimeError(SAID),
        RuntimeError("std::bad_alloc"),
        RuntimeError("Failed to allocate memory for requested buffer of size 1073741824"),
    ],
)
def test_every_way_to_say_it_is_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("no such operator"))


class Memory:
    """A pass over items of so many bytes each, in a memory that `holds` so many."""

    def __init__(self, holds: float, fails: int = 0) -> None:
        """The first `fails` passes run out whatever they hold, as beside a greedy neighbour."""
        self.holds = holds
        self.fails = fails
        self.tried: list[list[int]] = []
        self.freed = 0

    def __call__(self, items: Sequence[int]) -> list[int | OutOfMemory]:
        self.tried.append(list(items))
        if len(self.tried) <= self.fails or sum(items) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 254.00 GiB")
        return list(items)

    def free(self) -> None:
        self.freed += 1


def by_bytes(budget: float) -> PassBytes[int]:
    def fill(items: Sequence[int], share: float) -> int:
        fit = [sum(items[:count]) <= share * budget for count in range(1, len(items) + 1)]
        return max(1, sum(fit))

    return PassBytes(fill)


def run_bytes(size: PassBytes[int], memory: Memory, items: Sequence[int]) -> list[int | None]:
    """The results, None for what did not fit."""
    found = size.run(items, memory, memory.free)
    return [None if isinstance(each, OutOfMemory) else each for each in found]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait, which none of them takes."""
    waited: list[float] = []
    monkeypatch.setattr("executors.shared.passes.time.sleep", waited.append)
    return waited


def test_batches_are_filled_to_the_budget_and_never_wait(waits: list[float]) -> None:
    size, memory = by_bytes(10), Memory(holds=100)
    assert run_bytes(size, memory, [4, 4, 4, 12, 2, 8]) == [4, 4, 4, 12, 2, 8]
    assert memory.tried == [[4, 4], [4], [12], [2, 8]]
    PassSize(4, 1e9, 1).run(range(40), Device(holds=9), lambda: None)
    assert waits == []
    assert memory.freed == 0


def test_two_failures_are_waited_out_and_all_get_their_results(waits: list[float]) -> None:
    size, memory = by_bytes(8), Memory(holds=8, fails=2)
    assert run_bytes(size, memory, [1] * 8) == [1] * 8
    assert [len(tried) for tried in memory.tried] == [8, 4, 2, 2, 2, 2]
    assert waits == [WAIT_S, 2 * WAIT_S]
    assert memory.freed == 2


def test_an_item_alone_is_tried_again_until_the_retries_are_spent(waits: list[float]) -> None:
    assert run_bytes(by_bytes(8), Memory(holds=8, fails=RETRIES), [5]) == [5]
    assert run_bytes(by_bytes(8), Memory(holds=8, fails=RETRIES + 1), [5]) == [None]
    assert len(waits) == 2 * RETRIES
    assert waits[:RETRIES] == [WAIT_S, 2 * WAIT_S, 4 * WAIT_S]


def test_the_item_that_never_fits_is_out_of_memory_and_the_others_are_not(
    waits: list[float],
) -> None:
    poison = 1_000
    items = [1, 2, 3, 4, 5, poison, 7, 8]
    size, memory = by_bytes(10_000), Memory(holds=500)
    assert run_bytes(size, memory, items) == [1, 2, 3, 4, 5, None, 7, 8]
    assert len(waits) <= RETRIES
    # It says nothing about the memory for others.
    assert size.share == 1.0
    memory.tried.clear()
    assert run_bytes(size, memory, items[:5]) == items[:5]
    assert memory.tried == [items[:5]]


def test_a_full_memory_gives_every_item_its_error_after_bounded_waits(waits: list[float]) -> None:
    size, memory = by_bytes(10), Memory(holds=0)
    assert run_bytes(size, memory, [1] * 8) == [None] * 8
    assert waits == [WAIT_S, 2 * WAIT_S, 4 * WAIT_S]


def test_the_share_grows_back_after_calm_passes(waits: list[float]) -> None:
    size, memory = by_bytes(8), Memory(holds=2)
    run_bytes(size, memory, [1] * 8)
    assert size.share == 0.25
    memory.holds = 100
    run_bytes(size, memory, [1] * 2 * (CALM_PASSES - 4))
    assert size.share == 0.25
    run_bytes(size, memory, [1] * 2 * 4)
    assert size.share == 0.5
    run_bytes(size, memory, [1] * (4 * CALM_PASSES + 8))
    assert size.share == 1.0
    memory.tried.clear()
    run_bytes(size, memory, [1] * 8)
    assert memory.tried == [[1] * 8]


def test_a_share_falls_until_it_holds_half_as_many(waits: list[float]) -> None:
    size, memory = by_bytes(2**20), Memory(holds=4)
    assert run_bytes(size, memory, [1] * 8) == [1] * 8
    assert [len(tried) for tried in memory.tried] == [8, 4, 4]
    memory.tried.clear()
    run_bytes(size, memory, [1] * 8)
    assert [len(tried) for tried in memory.tried] == [4, 4]


def test_any_other_error_of_a_batch_is_raised_as_it_is(waits: list[float]) -> None:
    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        by_bytes(10).run([1, 2], broken, lambda: None)
    assert waits == []
