"""Spherical k-means: the lists of an inverted file, found with the processor's fast products.

FAISS's own training is the same computation in fp32; bf16 products do it several times as fast,
and which of two nearly equal centroids a vector goes to hardly matters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from executors.library.index.base import Vectors

ROUNDS = 8
PER_LIST = 48
"""Vectors that a centroid is trained on; FAISS asks for 39 at least."""
_AT_ONCE = 4_096


def list_count(vectors: int) -> int:
    """4·√N, as FAISS advises for N vectors up to a million; a power of two."""
    return int(2 ** round(math.log2(max(4 * math.sqrt(vectors), 1))))


def train(sample: Vectors, lists: int, dtype: torch.dtype, seed: int = 0) -> Vectors:
    """`lists` unit centroids, `[lists, D]`, of at least as many vectors. Deterministic."""
    rng = np.random.default_rng(seed)
    centroids = sample[rng.choice(len(sample), lists, replace=False)].copy()
    for _ in range(ROUNDS):
        nearest = assign(sample, centroids, dtype)
        sums = np.zeros_like(centroids)
        order = np.argsort(nearest, kind="stable")
        counts = np.bincount(nearest, minlength=lists)
        starts = np.r_[0, np.cumsum(counts)[:-1]]
        used = counts > 0
        sums[used] = np.add.reduceat(sample[order], starts[used], axis=0)
        # A centroid that nothing is near starts again at a vector of the fullest list.
        empty = np.flatnonzero(~used)
        fullest = np.flatnonzero(nearest == counts.argmax())
        sums[empty] = sample[rng.choice(fullest, len(empty))]
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centroids = sums / np.maximum(norms, np.float32(1e-12))
    return centroids


def assign(vectors: Vectors, centroids: Vectors, dtype: torch.dtype) -> NDArray[np.int64]:
    """The nearest centroid of each vector, `[N]`."""
    nearest = np.empty(len(vectors), np.int64)
    known = torch.from_numpy(np.ascontiguousarray(centroids)).to(dtype).T
    with torch.inference_mode():
        for start in range(0, len(vectors), _AT_ONCE):
            part = torch.from_numpy(vectors[start : start + _AT_ONCE]).to(dtype)
            nearest[start : start + len(part)] = _largest(part @ known)
    return nearest


def _largest(scores: torch.Tensor) -> NDArray[Any]:
    # The bits of positive bf16 numbers, as integers, are in the numbers' order, and negative ones
    # lie below: numpy searches integers many times as fast as torch searches bf16.
    if scores.dtype == torch.bfloat16:
        return scores.view(torch.int16).numpy().argmax(axis=1)
    return scores.numpy().argmax(axis=1)
