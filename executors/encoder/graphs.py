"""A tower as few launches on a GPU: compiled, or captured as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable

import torch

from adjudicate.errors import ConfigurationError
from executors.shared.settings import Compile

Tower = Callable[[torch.Tensor], torch.Tensor]

WARM_UPS = 3
"""Passes before a capture: libraries choose their kernels and reserve workspaces in the first."""


def accelerated(tower: Tower, how: Compile, device: torch.device) -> Tower:
    """The tower as the setting `encoder.compile` wants it.

    Raises `ConfigurationError` where there is no GPU: there is nothing to launch.
    """
    if how == "none":
        return tower
    if device.type != "cuda":
        raise ConfigurationError(
            f"ADJUDICATE_ENCODER__COMPILE={how} needs a GPU; on a CPU it must be 'none'."
        )
    if how == "compile":
        return Bucketed(torch.compile(tower, dynamic=False))
    return CudaGraphs(tower)


def bucket(items: int) -> int:
    """The least power of two that is not less: the number of shapes stays small."""
    return 1 << max(0, items - 1).bit_length()


def padded(batch: torch.Tensor, items: int) -> torch.Tensor:
    """The batch with its last item repeated until there are `items`."""
    missing = items - len(batch)
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch


class Bucketed:
    """Calls a tower with batches of powers of two only, so that it is compiled for few shapes."""

    def __init__(self, tower: Tower) -> None:
        self._tower = tower

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self._tower(padded(batch, bucket(len(batch))))[: len(batch)]


class CudaGraphs:
    """One captured graph per batch shape, made when the shape first comes."""

    def __init__(self, tower: Tower) -> None:
        self._tower = tower
        self._graphs: dict[torch.Size, _Captured] = {}

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """As the tower. The graphs' outputs are overwritten by the next call: this is a copy."""
        whole = padded(batch, bucket(len(batch)))
        if whole.shape not in self._graphs:
            self._graphs[whole.shape] = _Captured(self._tower, whole)
        return self._graphs[whole.shape](whole)[: len(batch)].clone()


class _Captured:
    def __init__(self, tower: Tower, example: torch.Tensor) -> None:
        self._input = example.clone()
        aside = torch.cuda.Stream(example.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                tower(self._input)
        torch.cuda.current_stream(example.device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = tower(self._input)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self._input.copy_(batch)
        self._graph.replay()
        return self._output
