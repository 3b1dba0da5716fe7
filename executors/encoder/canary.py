"""What the encoder must say of the canary: what it said of it first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Case
from adjudicate.errors import Code
from executors.shared.health.canaries import CanaryFailed

SAME = 0.99
"""Cosine. In another batch the same picture differs by rounding alone: in fp16 by under 1e-3."""
NORM_TOLERANCE = 1e-2

_OWN = (Code.INTERNAL, Code.OUT_OF_MEMORY)
"""Of an ad's problems: any other is a limit that is set too low for a canary."""


class CanaryVectors:
    """Holds the embeddings of each canary against those of the first: memory that has gone wrong
    gives vectors that look like any others."""

    def __init__(self) -> None:
        self._first: dict[str, NDArray[np.float32]] = {}
        self.embedded = 0
        """Canaries that have been; they are no documents of a client."""

    def check(self, case: Case) -> None:
        """Raises `CanaryFailed`."""
        if case.problem is not None:
            outside = case.problem.code not in _OWN
            raise CanaryFailed(f"{case.problem.code}: {case.problem.detail}", outside=outside)
        self.embedded += 1
        for name, found in (("picture", case.image_embedding), ("copy", case.text_embedding)):
            if found is None:
                raise CanaryFailed(f"its {name} has no embedding")
            self._check_one(name, np.atleast_2d(np.asarray(found, np.float32))[0])

    def _check_one(self, name: str, vector: NDArray[np.float32]) -> None:
        # Written so that a NaN fails it, too.
        if not abs(float(np.linalg.norm(vector)) - 1) <= NORM_TOLERANCE:
            raise CanaryFailed(f"the embedding of its {name} has no unit norm")
        alike = float(vector @ self._first.setdefault(name, vector))
        if not alike >= SAME:
            raise CanaryFailed(f"its {name} is embedded otherwise than before: {alike:.3f}")
