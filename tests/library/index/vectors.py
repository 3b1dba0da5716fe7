"""Vectors that an index gets wrong if it can: clustered, equal, on the border, badly rounded."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from executors.library.index import Floors, Hit, Mask, Vectors

HALVES = [
    np.array(signs, np.float32) / 2
    for signs in ((1, 1, 1, 1), (1, 1, 1, -1), (1, 1, -1, -1), (1, -1, -1, -1), (-1, -1, -1, -1))
]
"""Unit vectors whose cosines are exact in any precision: −1, −½, 0, ½, 1."""


def normed(rng: np.random.Generator, rows: int, dimension: int) -> Vectors:
    vectors = rng.standard_normal((rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def around(rng: np.random.Generator, centre: Vectors, cosines: Sequence[float]) -> Vectors:
    """Unit vectors at these cosines with the centre, as near as float32 can say."""
    centre64 = centre.astype(np.float64) / np.linalg.norm(centre.astype(np.float64))
    across = rng.standard_normal((len(cosines), len(centre)))
    across -= np.outer(across @ centre64, centre64)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.asarray(cosines)[:, None]
    return (along * centre64 + np.sqrt(1 - along**2) * across).astype(np.float32)


def badly_rounded(vectors: Vectors, bits: int) -> Vectors:
    """The vectors with the low half of every component set: 0x7fff is what bf16 rounds down most,
    0x8001 what it rounds up most, 0x8000 lies between two. Norms change by 2⁻⁸ at most."""
    high = vectors.view(np.uint32) & np.uint32(0xFFFF0000)
    return (high | np.uint32(bits)).view(np.float32)


def brute_force(
    ads: Sequence[Vectors], places: NDArray[np.int64], vectors: Vectors
) -> list[dict[int, float]]:
    """Of each ad the cosine with every exemplar, in float64."""
    found = []
    for ad in ads:
        best: dict[int, float] = {}
        # The same sums as the index's, in the same order: on an exact tie both decide alike.
        for place, vector in zip(places.tolist(), vectors.astype(np.float64), strict=True):
            cosine = float(np.einsum("nd,d->n", ad.astype(np.float64), vector).max())
            best[place] = max(best.get(place, -2.0), cosine)
        found.append(best)
    return found


def at_or_above(scores: dict[int, float], floors: Floors, live: Mask) -> set[int]:
    return {place for place, score in scores.items() if live[place] and score >= floors[place]}


def places_of(found: Sequence[Sequence[Hit]]) -> list[set[int]]:
    return [{hit.place for hit in hits} for hits in found]
