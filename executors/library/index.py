"""Exact search of the exemplars, in memory, derived from SQL.

A missed exemplar is a violation that runs: the default index misses none. Another kind of index
is another `VectorIndex`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from executors.library.store import Entry, ExemplarStore
from executors.library.thresholds import Signal, Thresholds

Vectors = NDArray[np.float32]
"""`[N, D] float32`, unit norm per row."""

_BLOCK_ROWS = 65_536
"""Rows scored at once: bounds the score matrix at 4·N·65,536 bytes for N queries."""
_RESCORED_AT_ONCE = 8_192


class Hit(NamedTuple):
    """An exemplar, by its place in the index, and its cosine with the query."""

    place: int
    similarity: float


class VectorIndex(Protocol):
    """Finds the exemplars of one signal. An ad is a group of query vectors, `[W, D]`, and an
    exemplar is one vector or more; their similarity is the best over all pairs."""

    kind: str

    def search(self, ads: Sequence[Vectors]) -> list[list[Hit]]:
        """For each ad, every exemplar at or above that exemplar's threshold, best first."""
        ...

    def nearest(self, ads: Sequence[Vectors], limit: int) -> list[list[Hit]]:
        """For each ad, the `limit` most similar exemplars, whatever their threshold."""
        ...


class ExactIndex:
    """Every query against every vector.

    The scan is in float32, taken at `threshold − ε`, where ε is more than the scan's rounding can
    amount to; what survives is scored again in float64. So no hit is missed and none is invented.
    """

    kind = "exact"

    def __init__(self, exemplars: Sequence[tuple[int, Vectors]], floors: Sequence[float]) -> None:
        """`exemplars`: place and `[W, D]` vectors of each; `floors`: threshold of each, cosine."""
        counts = [len(vectors) for _, vectors in exemplars]
        self._places = np.repeat(np.array([place for place, _ in exemplars], np.int64), counts)
        self._floors = np.repeat(np.array(floors, np.float64), counts)
        self._vectors = (
            np.concatenate([vectors for _, vectors in exemplars])
            if exemplars
            else np.zeros((0, 0), np.float32)
        )
        # |fl(x·y) − x·y| ≤ D·u·|x|·|y| to first order (Higham, Accuracy and Stability, 3.1), with
        # u = 2⁻²⁴; twice that also covers norms of 1 + 10⁻³ and the rounding of the sum here.
        slack = 2 * max(self._vectors.shape[1], 8) * 2.0**-24
        self._scanned_from = (self._floors - slack).astype(np.float32)

    def search(self, ads: Sequence[Vectors]) -> list[list[Hit]]:
        """Exactly the exemplars that a float64 scan would find."""
        if not ads or not len(self._vectors):
            return [[] for _ in ads]
        queries = np.concatenate(ads)
        ad_of = np.repeat(np.arange(len(ads)), [len(ad) for ad in ads])
        best: list[dict[int, float]] = [{} for _ in ads]
        for start in range(0, len(self._vectors), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            near = queries @ self._vectors[block].T >= self._scanned_from[block]
            which, rows = np.nonzero(near)
            rows += start
            scores = self._rescored(queries, which, rows)
            kept = scores >= self._floors[rows]
            found = zip(ad_of[which[kept]], self._places[rows[kept]], scores[kept], strict=True)
            for ad, place, score in found:
                known = best[ad].get(int(place), -2.0)
                best[ad][int(place)] = max(known, float(score))
        return [_best_first(found) for found in best]

    def nearest(self, ads: Sequence[Vectors], limit: int) -> list[list[Hit]]:
        """The exact nearest, scored in float32."""
        if not len(self._vectors):
            return [[] for _ in ads]
        return [self._nearest(ad, limit) for ad in ads]

    def _nearest(self, ad: Vectors, limit: int) -> list[Hit]:
        scores = (self._vectors @ ad.T).max(axis=1)
        starts = np.flatnonzero(np.r_[True, self._places[1:] != self._places[:-1]])
        by_exemplar = np.maximum.reduceat(scores, starts)
        limit = min(limit, len(starts))
        top = np.argpartition(-by_exemplar, limit - 1)[:limit]
        return _best_first({int(self._places[starts[i]]): float(by_exemplar[i]) for i in top})

    def _rescored(
        self, queries: Vectors, which: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        scores = np.empty(len(rows), np.float64)
        for start in range(0, len(rows), _RESCORED_AT_ONCE):
            part = slice(start, start + _RESCORED_AT_ONCE)
            left = queries[which[part]].astype(np.float64)
            scores[part] = np.einsum("nd,nd->n", left, self._vectors[rows[part]])
        return scores


def _best_first(found: dict[int, float]) -> list[Hit]:
    hits = [Hit(place, score) for place, score in found.items()]
    return sorted(hits, key=lambda hit: (-hit.similarity, hit.place))


MakeIndex = Callable[[Sequence[tuple[int, Vectors]], Sequence[float]], VectorIndex]


@dataclass(frozen=True)
class Snapshot:
    """The library as it was at one version of its table."""

    version: int
    encoder_version: str
    dimension: int
    """0 for an empty library."""
    stale: int
    """Exemplars whose embeddings come from another encoder: they cannot be compared."""
    entries: tuple[Entry, ...]
    image: VectorIndex
    text: VectorIndex

    def index(self, signal: Signal) -> VectorIndex:
        """The index of one signal."""
        return self.image if signal == "image" else self.text

    def comparable(self, encoder_version: str, dimension: int) -> bool:
        """Whether an ad's embeddings can be held against every exemplar.

        A version that is not known is taken to be the same.
        """
        if not self.entries:
            return self.stale == 0
        same = not encoder_version or not self.encoder_version
        return (
            self.stale == 0
            and dimension == self.dimension
            and (same or encoder_version == self.encoder_version)
        )


def build_snapshot(
    version: int,
    entries: Iterable[Entry],
    thresholds: Thresholds,
    make: MakeIndex = ExactIndex,
) -> Snapshot:
    """Index the entries of the encoder that most of them come from."""
    entries = list(entries)
    encoders = Counter(_encoder(entry) for entry in entries)
    (encoder, dimension), count = encoders.most_common(1)[0] if encoders else (("", 0), 0)
    current = tuple(entry for entry in entries if _encoder(entry) == (encoder, dimension))

    def of(signal: Signal) -> VectorIndex:
        vectors = [
            (place, np.atleast_2d(vector))
            for place, entry in enumerate(current)
            if (vector := entry.image if signal == "image" else entry.text) is not None
        ]
        return make(vectors, [thresholds.of(signal, current[i].category) for i, _ in vectors])

    stale = len(entries) - count
    return Snapshot(version, encoder, dimension, stale, current, of("image"), of("text"))


def _encoder(entry: Entry) -> tuple[str, int]:
    vector = entry.image if entry.image is not None else entry.text
    return entry.encoder_version, 0 if vector is None else vector.shape[-1]


class FollowingIndex:
    """Follows the table: its snapshot is as new as the table was when it was asked for.

    So a replica sees what another one added, and an exemplar counts from the moment that its
    addition was answered.
    """

    def __init__(
        self, store: ExemplarStore, thresholds: Thresholds, make: MakeIndex = ExactIndex
    ) -> None:
        self._store = store
        self._thresholds = thresholds
        self._make = make
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._snapshot = build_snapshot(-1, (), thresholds, make)

    def current(self) -> Snapshot:
        """The snapshot of the table's version now. Blocks while changes are read."""
        if self._store.version() == self._snapshot.version:
            return self._snapshot
        with self._lock:
            version = self._store.version()
            if version != self._snapshot.version:
                self._snapshot = self._follow(version)
            return self._snapshot

    def _follow(self, version: int) -> Snapshot:
        # A table that went back is another table: a restored backup.
        went_back = version < self._snapshot.version
        if went_back:
            self._entries.clear()
        now, changed = self._store.changes_since(-1 if went_back else self._snapshot.version)
        for entry in changed:
            if entry.enabled:
                self._entries[entry.id] = entry
            else:
                self._entries.pop(entry.id, None)
        return build_snapshot(now, self._entries.values(), self._thresholds, self._make)
