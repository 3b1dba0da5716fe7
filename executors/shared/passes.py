"""Items through a model in passes as large as the memory holds, and smaller when it is full."""

from __future__ import annotations

import gc
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Generic, TypeVar

Item = TypeVar("Item")
Part = TypeVar("Part")
Result = TypeVar("Result")

CALM_PASSES = 16
"""Passes at a reduced limit without a failure, after which it doubles."""
RETRIES = 3
"""Failures of one run that are waited out."""
WAIT_S = 0.1
"""The first wait, in seconds; each is twice the one before."""

# What PyTorch's CPU allocator, the C library and ONNX Runtime say.
_SAID = ("can't allocate memory", "not enough memory", "failed to allocate memory", "bad_alloc")

logger = logging.getLogger(__name__)


class OutOfMemory(Exception):
    """The memory does not hold a single item."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    # By name, as PyTorch's is its own: a judge that asks a server has no PyTorch to ask.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"MemoryError", "OutOfMemoryError"}:
        return True
    said = str(error).lower()
    return any(words in said for words in _SAID)


class _Passes(ABC, Generic[Item]):
    """Takes items through the model in parts, and smaller ones when memory runs out.

    After a failure cached memory is given back and half as many are tried, down to single items.
    The first `RETRIES` failures of a run are also waited out, longer each time: another process may
    need the memory for a moment only. Without a failure nothing waits.
    """

    _alone_again: ClassVar[bool]
    """Whether an item that failed alone is tried again, while retries are left."""

    @abstractmethod
    def _size(self, rest: Sequence[Item]) -> int:
        """How many of the leading items go next; at least 1."""

    @abstractmethod
    def _succeeded(self, size: int, rest: Sequence[Item]) -> None:
        """A pass of the leading `size` went well."""

    @abstractmethod
    def _failed(self, half: int, rest: Sequence[Item]) -> None:
        """Of `rest` no more than `half` go next: a pass of twice as many ran out of memory."""

    def _each(
        self,
        items: Sequence[Item],
        one_pass: Callable[[Sequence[Item]], Part],
        free: Callable[[], None],
    ) -> Iterator[Part | OutOfMemory]:
        """What `one_pass` made of each part, in order, or the error of an item alone."""
        start = failures = 0
        while start < len(items):
            rest = items[start:]
            size = self._size(rest)
            try:
                done = one_pass(rest[:size])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            else:
                start += size
                self._succeeded(size, rest)
                yield done
                continue
            # Only here is the error gone, and with its frames the tensors of the failed pass.
            gc.collect()
            free()
            failures += 1
            if size == 1 and not (self._alone_again and failures <= RETRIES):
                start += 1
                yield OutOfMemory(reason)
                continue
            half = max(1, size // 2)
            self._failed(half, rest)
            logger.warning("out of memory with %d items (%s); trying %d", size, reason, half)
            if failures <= RETRIES:
                time.sleep(WAIT_S * 2 ** (failures - 1))


class PassSize(_Passes[Item]):
    """How many items of one kind go through the model at once.

    At most `most`, and no more than `budget` bytes hold at `per_item` bytes each. When memory runs
    out all the same, the number halves and the pass is repeated; after calm passes it grows again.
    """

    _alone_again = False

    def __init__(self, most: int, budget: float, per_item: float) -> None:
        self.most = max(1, min(most, int(budget // max(per_item, 1))))
        self.now = self.most
        self._calm = 0

    def run(
        self,
        items: Sequence[Item],
        one_pass: Callable[[Sequence[Item]], Part],
        free: Callable[[], None],
    ) -> list[Part]:
        """`one_pass` over all items in parts; `free` gives cached memory back before a repetition.

        Raises `OutOfMemory` if a part of one item does not fit, and what else `one_pass` raises.
        """
        parts: list[Part] = []
        for part in self._each(items, one_pass, free):
            if isinstance(part, OutOfMemory):
                raise part
            parts.append(part)
        return parts

    def _size(self, rest: Sequence[Item]) -> int:
        return min(self.now, len(rest))

    def _succeeded(self, size: int, rest: Sequence[Item]) -> None:
        if self.now == self.most or size < self.now:
            return
        self._calm += 1
        if self._calm >= CALM_PASSES:
            self.now, self._calm = min(self.most, 2 * self.now), 0

    def _failed(self, half: int, rest: Sequence[Item]) -> None:
        self.now, self._calm = half, 0


class PassBytes(_Passes[Item]):
    """Passes that are filled by bytes rather than by number.

    `fill` says how many of the leading items fit into a share of the memory, at least 1. The share
    is 1 until memory runs out; it is then halved until it holds half as many, and calm passes that
    it made smaller double it again.
    """

    _alone_again = True

    def __init__(self, fill: Callable[[Sequence[Item], float], int]) -> None:
        self._fill = fill
        self.share = 1.0
        self._calm = 0

    def run(
        self,
        items: Sequence[Item],
        one_pass: Callable[[Sequence[Item]], Sequence[Result]],
        free: Callable[[], None],
    ) -> list[Result | OutOfMemory]:
        """The results of all items in order, with `OutOfMemory` for each that fails even alone.

        `one_pass` returns one result per item; `free` gives cached memory back before a repetition.
        Raises what else `one_pass` raises.
        """
        before = self.share
        results: list[Result | OutOfMemory] = []
        for part in self._each(items, one_pass, free):
            results.extend([part] if isinstance(part, OutOfMemory) else part)
        failed = sum(isinstance(result, OutOfMemory) for result in results)
        if 0 < failed < len(results):
            # The others fitted: what failed says something about those items, not the memory.
            self.share = max(self.share, before)
        return results

    def _size(self, rest: Sequence[Item]) -> int:
        return self._fill(rest, self.share)

    def _succeeded(self, size: int, rest: Sequence[Item]) -> None:
        if self.share == 1.0 or size == len(rest) or size >= self._fill(rest, 1.0):
            return
        self._calm += 1
        if self._calm >= CALM_PASSES:
            self.share, self._calm = min(1.0, 2 * self.share), 0

    def _failed(self, half: int, rest: Sequence[Item]) -> None:
        self._calm = 0
        while self._fill(rest, self.share) > half:
            self.share /= 2
