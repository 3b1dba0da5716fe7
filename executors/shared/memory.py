"""The memory of a device: what is free, and what passes and items in them may take of it."""

from __future__ import annotations

from collections.abc import Callable

import psutil  # type: ignore[import-untyped]
import torch

from executors.shared import cgroup

_ALIVE = 2.5
"""What a pass takes on a CPU, in inputs and outputs of its largest layer."""


def give_back() -> None:
    """Free what PyTorch's allocator holds unused; the CPU's keeps nothing."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def budget(device: torch.device, share: float) -> float:
    """Bytes that passes may take: of a GPU's memory `share` less what is in use by anyone, the
    weights included; on a CPU `share` of what is available."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        ours = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return share * total - (total - free - ours)
    return share * free_bytes(device)


def bytes_per_item(
    device: torch.device, tower: torch.nn.Module, one_pass: Callable[[int], object]
) -> float:
    """What one more item in a pass costs. `one_pass` takes the number of items.

    On a GPU measured, by the peaks of two passes. On a CPU predicted, as no allocator tells, by the
    input and output of the largest layer: beside them stand the residual stream, its norm and the
    pixels. Measured at 2.1 to 3 times these for pictures, and 1.5 times for texts.
    """
    if device.type == "cuda":
        few, many = _peak(device, one_pass, 1), _peak(device, one_pass, 9)
        return max(1.0, (many - few) / 8)
    return _ALIVE * _largest_layer(tower, one_pass)


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


def free_bytes(device: torch.device) -> float:
    """Bytes that can be taken now: what nobody uses, and what our allocator holds unused."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        ours = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(free + ours)
    return min(float(psutil.virtual_memory().available), cgroup.free_bytes())
