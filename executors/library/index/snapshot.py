"""The library as it was at one version of its table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from executors.library.index.base import Floors, Hit, Mask, Modality, VectorIndex, Vectors
from executors.library.store import Entry
from executors.library.thresholds import Signal
from executors.shared.telemetry.catalogue import SEARCH_SECONDS

MODALITY: Mapping[Signal, Modality] = {"image": "image", "text": "text", "image-text": "text"}
"""What of the exemplars a signal compares the ad with."""


class Entries(Sequence[Entry]):
    """The first entries of a list that others go on appending to."""

    def __init__(self, entries: list[Entry], count: int) -> None:
        self._entries = entries
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return self._entries[: self._count][place]
        return self._entries[range(self._count)[place]]

    def __iter__(self) -> Iterator[Entry]:
        return (self._entries[place] for place in range(self._count))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a search sees: nothing that happens later changes it."""

    version: int
    encoder_version: str
    dimension: int
    """0 while nothing is embedded."""
    missing: int
    """Enabled exemplars without embeddings of this encoder version: they cannot be searched."""
    count: int
    """Exemplars that can match."""
    entries: Entries
    """By place, without their vectors. A place whose exemplar was removed, switched off, or changed
    is not live; what changed has a new place."""
    live: Mask
    """`[P]`: the places that can match."""
    category_of: NDArray[np.int32]
    """`[P]`: into `categories`."""
    categories: Sequence[str]
    indexes: Mapping[Modality, VectorIndex]

    @property
    def complete(self) -> bool:
        """Whether every enabled exemplar can be searched."""
        return self.missing == 0

    @property
    def kind(self) -> str:
        """What the indexes are: exact, ivf, qdrant."""
        return self.indexes["image"].kind

    def floors(self, of: Callable[[str], float]) -> Floors:
        """`[P]` floors by place, from the floor of a category. Make it once, not per search."""
        by_category = np.array([of(category) for category in self.categories], np.float64)
        if not len(by_category):
            return np.zeros(0)
        return by_category[self.category_of]

    def search(self, signal: Signal, ads: Sequence[Vectors], floors: Floors) -> list[list[Hit]]:
        """For each ad, `[W, D]`, every live exemplar at or above its floor, best first.

        `floors`: `[P]` cosines by place; +inf for an exemplar that cannot match.
        """
        with self._timed():
            return self.indexes[MODALITY[signal]].search(ads, floors, self.live)

    def nearest(self, signal: Signal, ads: Sequence[Vectors], limit: int) -> list[list[Hit]]:
        """For each ad the `limit` most similar exemplars, whatever their similarity."""
        with self._timed():
            return self.indexes[MODALITY[signal]].nearest(ads, limit, self.live)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        SEARCH_SECONDS.record(time.perf_counter() - started, {"index": self.kind})

    def facts(self) -> dict[str, int]:
        """The counters of both indexes together."""
        total: dict[str, int] = {}
        for index in self.indexes.values():
            for name, value in index.facts().items():
                total[name] = total.get(name, 0) + value
        return total
