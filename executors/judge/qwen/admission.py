"""How many ads one batch may hold, and how large a picture: by the bytes that it will take."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace

import torch

from executors.judge.qwen.peak import Attention, Load, Shape, predict_bytes
from executors.shared.memory import free_bytes

__all__ = ["Admission", "Attention", "Load", "Shape", "predict_bytes"]


class Admission:
    """Fills batches of one model up to what the memory holds."""

    def __init__(
        self,
        shape: Shape,
        device: torch.device | str,
        share: float,
        most: int,
        cap: int | None = None,
    ) -> None:
        """`share` of the free memory, at most `most` ads and `cap` bytes for one batch."""
        self._shape = shape
        self._device = torch.device(device)
        self._share = share
        self._most = most
        self._cap = cap

    def budget(self) -> int:
        """Bytes for one batch: the share of what is free now, and never above the cap."""
        budget = int(self._share * free_bytes(self._device))
        return budget if self._cap is None else min(budget, self._cap)

    def fill(self, loads: Sequence[Load], scale: float = 1.0) -> int:
        """How many of the leading loads fit into `scale` of the budget together; at least 1.

        Raises `ValueError` without loads.
        """
        if not loads:
            raise ValueError("there is nothing to fill a batch with")
        budget = scale * self.budget()
        counts = range(1, min(self._most, len(loads)) + 1)
        return max(
            1,
            bisect.bisect_right(
                counts, budget, key=lambda count: predict_bytes(self._shape, loads[:count])
            ),
        )

    def largest_patches(self, load: Load, scale: float = 1.0) -> int:
        """The most patches that the picture of `load` may have so that the ad fits alone.

        A multiple of the patches that become one token, and no more than it has; 0 where not even
        the text fits.
        """
        budget = scale * self.budget()
        merged = self._shape.vision.merged
        counts = range(0, load.patches + 1, merged)

        def alone(patches: int) -> int:
            return predict_bytes(self._shape, [with_patches(self._shape, load, patches)])

        return max(0, (bisect.bisect_right(counts, budget, key=alone) - 1) * merged)


def with_patches(shape: Shape, load: Load, patches: int) -> Load:
    """The same ad with a picture of so many patches."""
    fewer = (load.patches - patches) // shape.vision.merged
    return replace(load, patches=patches, tokens=load.tokens - fewer)
