"""Clustered unit vectors as an exemplar library has them, and ads that resemble some of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIMENSION = 512
AT_ONCE = 65_536
_COMMON = 0.5
"""What all vectors share: unrelated CLIP embeddings are not orthogonal. About 0.2 of cosine."""
_ALONE = 0.2
"""Share of vectors that belong to no cluster."""
_QUERY_NOISE = 0.3


class Truth(NamedTuple):
    """Hits by float64: of each query the rows at or above the floor."""

    rows: list[set[int]]

    @property
    def count(self) -> int:
        return sum(map(len, self.rows))


def library(count: int, seed: int = 0) -> Iterator[Vectors]:
    """`count` unit vectors in parts of `AT_ONCE`, `[n, 512] float32`, in random order.

    Clusters have 2 to some 2,000 members, most of them few; within one, cosines lie around 0.64 to
    0.92, so that a threshold of 0.8 goes through many. Deterministic.
    """
    rng = np.random.default_rng(seed)
    common = _unit(rng.standard_normal((1, DIMENSION), np.float32))
    sizes = np.minimum(2 + rng.pareto(1.1, count) * 8, 2_000).astype(np.int64)
    cluster_of = np.repeat(np.arange(count), sizes)[: count - int(count * _ALONE)]
    alone = np.arange(count - len(cluster_of)) + cluster_of[-1] + 1
    cluster_of = rng.permutation(np.concatenate([cluster_of, alone]))
    clusters = int(cluster_of.max()) + 1
    spread = rng.uniform(0.3, 0.75, clusters).astype(np.float32)
    # A centre is made from its cluster's number when it is needed, and kept in half precision.
    centres = np.empty((clusters, DIMENSION), np.float16)
    for start in range(0, clusters, AT_ONCE):
        own = _unit(rng.standard_normal((min(AT_ONCE, clusters - start), DIMENSION), np.float32))
        centres[start : start + AT_ONCE] = _unit(own + _COMMON * common)
    for start in range(0, count, AT_ONCE):
        of = cluster_of[start : start + AT_ONCE]
        noise = rng.standard_normal((len(of), DIMENSION), np.float32)
        noise *= spread[of, None] / np.float32(np.sqrt(DIMENSION))
        noise += centres[of]
        yield _unit(noise)


def ads(members: Vectors, seed: int = 1) -> Vectors:
    """Queries that resemble these members of the library."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(members.shape, np.float32)
    return _unit(members + noise * np.float32(_QUERY_NOISE / np.sqrt(DIMENSION)))


def truth(parts: list[Vectors], queries: Vectors, floor: float) -> Truth:
    """Brute force in float64."""
    wide = queries.astype(np.float64).T
    found: list[set[int]] = [set() for _ in queries]
    start = 0
    for part in parts:
        for first in range(0, len(part), 8_192):
            cosines = part[first : first + 8_192].astype(np.float64) @ wide
            for row, query in zip(*np.nonzero(cosines >= floor), strict=True):
                found[query].add(start + first + int(row))
        start += len(part)
    return Truth(found)


def _unit(vectors: Vectors) -> Vectors:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
