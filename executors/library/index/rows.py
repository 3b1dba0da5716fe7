"""The vectors of an index in memory: appended in chunks, never moved."""

from __future__ import annotations

import numpy as np
import torch

from executors.library.index.base import Places, Vectors
from executors.library.index.rounding import Norms, measure

CHUNK_ROWS = 16_384
"""Vectors scored at once: in bf16 with 512 dimensions 16 MB, and 1 MB of scores of 32 queries."""


class Chunk:
    """A fixed room for vectors, filled from its beginning.

    Memory is taken as it is filled: the system hands out pages when they are first written.
    """

    def __init__(self, rows: int, dimension: int, dtype: torch.dtype, device: str) -> None:
        self.places = np.empty(rows, np.int64)
        self.exact = np.empty((rows, dimension), np.float32)
        """`[rows, D] float32`: the vectors as they were given."""
        self._exact = torch.from_numpy(self.exact)
        same = dtype == torch.float32 and device == "cpu"
        self.scanned = (
            self._exact if same else torch.empty((rows, dimension), dtype=dtype, device=device)
        )
        """`[rows, D]`: the same in the precision of the scan, where it runs."""
        self.norms = Norms()
        self.filled = 0

    def append(self, places: Places, vectors: Vectors) -> None:
        part = slice(self.filled, self.filled + len(vectors))
        self.places[part] = places
        self.exact[part] = vectors
        given = self._exact[part]
        reduced = given.to(self.scanned.dtype)
        if self.scanned is not self._exact:
            self.scanned[part] = reduced
        self.norms = self.norms.either(measure(given, reduced))
        # Last: a search that runs meanwhile sees whole rows only.
        self.filled = part.stop


class Rows:
    """Chunks of vectors with the place of each. One thread appends; any number read meanwhile."""

    def __init__(self, dtype: torch.dtype = torch.float32, device: str = "cpu") -> None:
        self.dtype = dtype
        self.device = device
        self.chunks: list[Chunk] = []
        self.dimension = 0

    def __len__(self) -> int:
        return sum(chunk.filled for chunk in self.chunks)

    def append(self, places: Places, vectors: Vectors) -> None:
        """Raises `ValueError` for vectors of another dimension than those before."""
        if not len(vectors):
            return
        self.dimension = self.dimension or vectors.shape[1]
        if vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors of {vectors.shape[1]} dimensions among {self.dimension}")
        done = 0
        while done < len(vectors):
            if not self.chunks or self.chunks[-1].filled == CHUNK_ROWS:
                self.chunks.append(Chunk(CHUNK_ROWS, self.dimension, self.dtype, self.device))
            chunk = self.chunks[-1]
            part = slice(done, done + CHUNK_ROWS - chunk.filled)
            chunk.append(places[part], vectors[part])
            done = min(part.stop, len(vectors))

    def gather(self, rows: Places) -> tuple[Places, Vectors]:
        """The places and the vectors of rows, counted through all chunks."""
        places = np.empty(len(rows), np.int64)
        vectors = np.empty((len(rows), self.dimension), np.float32)
        which, within = np.divmod(rows, CHUNK_ROWS)
        for number in np.unique(which):
            here = which == number
            places[here] = self.chunks[number].places[within[here]]
            vectors[here] = self.chunks[number].exact[within[here]]
        return places, vectors
