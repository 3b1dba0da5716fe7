"""As many items in one pass as the memory holds, and what to do when it holds fewer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import psutil  # type: ignore[import-untyped]
import torch

Item = TypeVar("Item")
Part = TypeVar("Part")

CALM_PASSES = 16
"""Passes at a reduced limit without a failure, after which it doubles."""

# What PyTorch's CPU allocator, the C library and ONNX Runtime say; CUDA's error has its own type.
_SAID = ("can't allocate memory", "not enough memory", "failed to allocate memory", "bad_alloc")

logger = logging.getLogger(__name__)


class OutOfMemory(Exception):
    """The memory does not hold a single item."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return any(words in said for words in _SAID)


class PassSize:
    """How many items of one kind go through the model at once.

    At most `most`, and no more than `budget` bytes hold at `per_item` bytes each. When memory runs
    out all the same, the number halves and the pass is repeated; after calm passes it grows again.
    """

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
        start = 0
        while start < len(items):
            size = min(self.now, len(items) - start)
            try:
                parts.append(one_pass(items[start : start + size]))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            else:
                start += size
                self._succeeded(size)
                continue
            # Only here is the error gone, and with its frames the tensors of the failed pass.
            free()
            if size == 1:
                raise OutOfMemory(reason)
            self._failed(size, reason)
        return parts

    def _succeeded(self, size: int) -> None:
        if self.now == self.most or size < self.now:
            return
        self._calm += 1
        if self._calm >= CALM_PASSES:
            self.now, self._calm = min(self.most, 2 * self.now), 0

    def _failed(self, size: int, reason: str) -> None:
        self.now, self._calm = max(1, size // 2), 0
        logger.warning("out of memory with %d items (%s); trying %d", size, reason, self.now)


def budget(device: torch.device, share: float) -> float:
    """Bytes that passes may take: of a GPU's memory `share` less what is in use by anyone, the
    weights included; on a CPU `share` of what is available."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        ours = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return share * total - (total - free - ours)
    return share * float(psutil.virtual_memory().available)


def bytes_per_item(
    device: torch.device, tower: torch.nn.Module, one_pass: Callable[[int], object]
) -> float:
    """What one more item in a pass costs. `one_pass` takes the number of items.

    On a GPU measured, by the peaks of two passes. On a CPU predicted, as no allocator tells: a
    layer's input and output are alive together with the residual stream and the attention's
    projections, so four times the largest layer's input and output.
    """
    if device.type == "cuda":
        few, many = _peak(device, one_pass, 1), _peak(device, one_pass, 9)
        return max(1.0, (many - few) / 8)
    return 4.0 * _largest_layer(tower, one_pass)


def _peak(device: torch.device, one_pass: Callable[[int], object], items: int) -> int:
    one_pass(items)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    one_pass(items)
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device))


def _largest_layer(tower: torch.nn.Module, one_pass: Callable[[int], object]) -> int:
    seen = [1]

    def note(_: torch.nn.Module, inputs: object, output: object) -> None:
        seen.append(_bytes(inputs) + _bytes(output))

    layers = [module for module in tower.modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        one_pass(1)
    finally:
        for hook in hooks:
            hook.remove()
    return max(seen)


def _bytes(value: object) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_bytes, value)) if isinstance(value, tuple | list) else 0
