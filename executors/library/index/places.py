"""Exemplars by their place in the indexes: places are given once and never used again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from executors.library.index.base import MakeIndex, Modality, VectorIndex
from executors.library.index.snapshot import Entries, Snapshot
from executors.library.store import Entry

AT_ONCE = 2_048
"""Entries that are put into the indexes together."""


class Places:
    """What is known of one encoder version's exemplars. Changed by one thread at a time."""

    def __init__(self, encoder_version: str, make: MakeIndex) -> None:
        self._encoder_version = encoder_version
        self._indexes: dict[Modality, VectorIndex] = {
            "image": make(encoder_version, "image"),
            "text": make(encoder_version, "text"),
        }
        self._entries: list[Entry] = []
        self._live = np.zeros(1_024, np.bool_)
        self._category_of = np.zeros(1_024, np.int32)
        self._categories: list[str] = []
        self._codes: dict[str, int] = {}
        self._place_of: dict[str, int] = {}
        self._missing: set[str] = set()
        self._dimension = 0

    @property
    def dead(self) -> int:
        """Places that no exemplar has any more."""
        return len(self._entries) - len(self._place_of)

    @property
    def alive(self) -> int:
        """Exemplars that can match."""
        return len(self._place_of)

    def apply(self, changed: Iterable[Entry]) -> None:
        """Take in what changed. Applying the same again does no harm.

        Raises what the store or an index raises; what was applied by then is not undone, and not
        seen by a snapshot that was taken before.
        """
        parts = iter(changed)
        while part := list(islice(parts, AT_ONCE)):
            fresh: dict[str, Entry] = {}
            for entry in part:
                self._forget(entry.id)
                fresh.pop(entry.id, None)
                if entry.enabled and self._embedded(entry):
                    fresh[entry.id] = entry
                elif entry.enabled:
                    self._missing.add(entry.id)
            self._place(list(fresh.values()))

    def snapshot(self, version: int) -> Snapshot:
        """All of it, as of a version of the table."""
        count = len(self._entries)
        return Snapshot(
            version=version,
            encoder_version=self._encoder_version,
            dimension=self._dimension,
            missing=len(self._missing),
            count=len(self._place_of),
            entries=Entries(self._entries, count),
            live=self._live[:count].copy(),
            category_of=self._category_of[:count],
            categories=tuple(self._categories),
            indexes=self._indexes,
        )

    def close(self) -> None:
        """Close the indexes."""
        for index in self._indexes.values():
            index.close()

    def _embedded(self, entry: Entry) -> bool:
        dimensions = {
            vectors.shape[-1] for vectors in (entry.image, entry.text) if vectors is not None
        }
        if not entry.embedded or len(dimensions) != 1:
            return False
        (dimension,) = dimensions
        self._dimension = self._dimension or dimension
        return dimension == self._dimension

    def _forget(self, exemplar_id: str) -> None:
        self._missing.discard(exemplar_id)
        place = self._place_of.pop(exemplar_id, None)
        if place is not None:
            self._live[place] = False

    def _place(self, entries: list[Entry]) -> None:
        first = len(self._entries)
        self._live = _with_room(self._live, first + len(entries))
        self._category_of = _with_room(self._category_of, first + len(entries))
        # The places are taken before the indexes hear of them: should one fail, no other exemplar
        # gets them.
        for place, entry in enumerate(entries, first):
            self._entries.append(replace(entry, image=None, text=None))
            self._category_of[place] = self._code(entry.category)
        for modality, index in self._indexes.items():
            vectors = list(_vectors(entries, modality))
            if vectors:
                counts = [len(rows) for _, rows in vectors]
                at = np.repeat(np.array([place for place, _ in vectors], np.int64), counts)
                index.add(first + at, np.concatenate([rows for _, rows in vectors]))
        for place, entry in enumerate(entries, first):
            self._live[place] = True
            self._place_of[entry.id] = place

    def _code(self, category: str) -> int:
        if category not in self._codes:
            self._codes[category] = len(self._categories)
            self._categories.append(category)
        return self._codes[category]


def _vectors(entries: list[Entry], modality: Modality) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for place, entry in enumerate(entries):
        vectors = entry.image if modality == "image" else entry.text
        if vectors is not None:
            yield place, np.atleast_2d(vectors)


def _with_room(values: NDArray[Any], count: int) -> NDArray[Any]:
    """The array, or a copy of it that is at least twice as long: appending is cheap on average."""
    if count <= len(values):
        return values
    larger = np.zeros(max(count, 2 * len(values)), values.dtype)
    larger[: len(values)] = values
    return larger
