"""Embeddings made small enough to keep: a fixed random projection.

By the lemma of Johnson and Lindenstrauss (1984) distances between the embeddings survive it, about
to the part 1/√K, so what moves the embeddings moves the sketches. It is the same on every machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from executors.library.quality.samples import Sketch

SKETCH = 64
"""K, the dimensions of a sketch; embeddings that have no more are kept as they are."""
_SEED = 20_170


def sketch_of(embedding: NDArray[np.float32]) -> Sketch:
    """`[K] float16` of a picture's embedding `[D]`, or of the windows of a copy `[W, D]`: then of
    their mean, at unit norm."""
    vector = np.atleast_2d(embedding).mean(axis=0)
    norm = float(np.linalg.norm(vector))
    if norm > 0:
        vector = vector / norm
    if len(vector) > SKETCH:
        vector = vector @ _matrix(len(vector))
    return vector.astype(np.float16)


@cache
def _matrix(dimension: int) -> NDArray[np.float32]:
    # numpy promises that this generator's numbers stay the same in every release (NEP 19).
    normal = np.random.RandomState(_SEED).standard_normal((dimension, SKETCH))
    return (normal / np.sqrt(SKETCH)).astype(np.float32)
