"""What every index of the exemplars is: a small protocol, and the words that it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""`[N, D] float32`, unit norm per row (within 10⁻³)."""

Places = NDArray[np.int64]
Floors = NDArray[np.float64]
Mask = NDArray[np.bool_]

Modality = Literal["image", "text"]
"""What the indexed vectors were made of."""


class Hit(NamedTuple):
    """An exemplar, by its place in the index, and its cosine with the query."""

    place: int
    similarity: float


class VectorIndex(Protocol):
    """Finds exemplars. An ad is a group of query vectors, `[W, D]`, and an exemplar is one vector
    or more; their similarity is the best over all pairs.

    An index only grows. A search says by `live` which places it sees, so what is added while it
    runs cannot reach it, and a removed exemplar needs no change here. One thread adds at a time;
    any number search meanwhile.
    """

    kind: str

    def add(self, places: Places, vectors: Vectors) -> None:
        """Append vectors, `[N, D]`, with the place of each, `[N]`. Places ascend, also from one
        call to the next; equal ones are adjacent: the windows of one exemplar."""
        ...

    def search(self, ads: Sequence[Vectors], floors: Floors, live: Mask) -> list[list[Hit]]:
        """For each ad, every exemplar at or above its floor, best first.

        `floors`: `[P]` cosines by place, +inf for one that cannot match. `live`: `[P]`; places that
        are false or beyond its end do not exist.
        """
        ...

    def nearest(self, ads: Sequence[Vectors], limit: int, live: Mask) -> list[list[Hit]]:
        """For each ad, the `limit` most similar exemplars, whatever their similarity."""
        ...

    def facts(self) -> dict[str, int]:
        """Counters for the room's status."""
        ...

    def close(self) -> None:
        """End threads and connections."""
        ...


MakeIndex = Callable[[str, Modality], VectorIndex]
"""Makes the index of one encoder version and modality."""


class Queries:
    """The vectors of several ads as one matrix, `[Q, D]`, with the ad of each row, `[Q]`."""

    def __init__(self, ads: Sequence[Vectors]) -> None:
        self.ads = len(ads)
        self.vectors: Vectors = (
            np.ascontiguousarray(np.concatenate(ads), np.float32)
            if ads
            else np.zeros((0, 0), np.float32)
        )
        self.ad_of = np.repeat(np.arange(self.ads), [len(ad) for ad in ads])


def best_per_ad(
    ads: int, ad_of: NDArray[np.int64], places: Places, scores: Floors
) -> list[list[Hit]]:
    """Scored pairs of ad and place as hits: each exemplar once, by its best score; best first, and
    equal ones by their place."""
    # -0.0 and 0.0 tie; lexsort sorts by its last key first.
    order = np.lexsort((-scores, places, ad_of))
    ad_of, places, scores = ad_of[order], places[order], scores[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (ad_of[1:] != ad_of[:-1]) | (places[1:] != places[:-1])
    ad_of, places, scores = ad_of[first], places[first], scores[first]
    order = np.lexsort((places, -scores, ad_of))
    ends = np.searchsorted(ad_of, np.arange(ads + 1))
    hits = list(map(Hit, places[order].tolist(), scores[order].tolist()))
    return [hits[ends[ad] : ends[ad + 1]] for ad in range(ads)]


def least(floors: Floors) -> float:
    """The lowest floor; +inf when there is none. Those of places that are not live count too:
    leaving them out would take longer than it saves."""
    return float(floors.min(initial=np.inf))


def joined(found: Iterable[tuple[Places, Places, Floors]]) -> tuple[Places, Places, Floors]:
    """Parts of (ad, place, score) as one."""
    parts = list(found)
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    ads, places, scores = zip(*parts, strict=True)
    return np.concatenate(ads), np.concatenate(places), np.concatenate(scores)
