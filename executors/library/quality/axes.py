"""In which directions embeddings are held against the reference.

A cloud of points in K dimensions has no bins. So it is looked at along the principal components of
the reference, where it is widest, and by the distance of each point from what these span (the
squared prediction error, Q: Jackson and Mudholkar, "Control procedures for residuals associated
with principal component analysis", Technometrics 21, 1979): ads of a kind that the reference had
none of lie off it. Each of these is a plain number, with a PSI of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 8

Points = NDArray[np.float64]
"""`[N, K]`."""


@dataclass(frozen=True)
class Axes:
    """The directions of one reference."""

    mean: NDArray[np.float64]
    """`[K]`."""
    directions: NDArray[np.float64]
    """`[A, K]`, orthonormal, the widest first; A is `COMPONENTS` at most."""

    @classmethod
    def of(cls, points: Points) -> Axes:
        """Those of the reference's points."""
        mean = points.mean(axis=0)
        # The rows of the last factor are the eigenvectors of the covariance.
        spread, directions = np.linalg.svd(points - mean, full_matrices=False)[1:]
        used = min(COMPONENTS, int((spread > 1e-6 * max(spread[0], 1e-12)).sum()))
        return cls(mean, directions[:used])

    def coordinates(self, points: Points) -> Points:
        """`[A + 1, N]`: the points along each direction, and their distances from all of these."""
        centred = points - self.mean
        along = centred @ self.directions.T
        off = np.linalg.norm(centred - along @ self.directions, axis=1)
        return np.vstack([along.T, off])

    def content(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"mean": self.mean.tolist(), "directions": self.directions.tolist()}

    @classmethod
    def read(cls, content: dict[str, Any]) -> Axes:
        """From `content`."""
        mean = np.asarray(content["mean"], np.float64)
        directions = np.asarray(content["directions"], np.float64).reshape(-1, len(mean))
        return cls(mean, directions)
