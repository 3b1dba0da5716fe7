"""Which pairs of vector and query reach a score: the first, fast pass over a chunk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from executors.library.index.base import Vectors
from executors.library.index.rounding import Norms, measure, rounded_down, slack
from executors.library.index.rows import CHUNK_ROWS, Chunk, Rows

REDUCED_COLUMNS = 8
"""Fewer queries are padded with zeros in reduced precision: a product with one vector would go
through another kernel, whose sums need not be in fp32."""

_AS_INTEGER = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class Near(NamedTuple):
    """Pairs that a scan kept, all `[N]`: row of the chunk, query, and the score it computed."""

    rows: NDArray[np.int64]
    queries: NDArray[np.int64]
    scores: NDArray[np.float64]


class Scan:
    """Queries prepared for scanning the chunks of one index."""

    def __init__(self, rows: Rows, queries: Vectors) -> None:
        self._device = rows.device
        least = 1 if rows.dtype == torch.float32 else REDUCED_COLUMNS
        self._columns = max(len(queries), least)
        self._count = len(queries)
        padded = torch.zeros((self._columns, queries.shape[1]), dtype=torch.float32)
        padded[: len(queries)] = torch.from_numpy(queries)
        reduced = padded.to(rows.dtype)
        self._norms: Norms = measure(padded, reduced)
        self._reduced = reduced.to(rows.device).T
        self._dimension = queries.shape[1]
        # Products on a GPU are asked for in fp32, whatever they are computed from.
        self.scored = rows.dtype if rows.device == "cpu" else torch.float32
        self._scores = torch.empty(
            (CHUNK_ROWS, self._columns), dtype=self.scored, device=rows.device
        )

    def slack(self, chunk: Chunk) -> float:
        """How far below the true cosine a score of this chunk may lie, before it is rounded to
        `scored`."""
        return slack(self._dimension, chunk.norms, self._norms)

    def scores(self, chunk: Chunk, filled: int) -> torch.Tensor:
        """`[filled, ≥ queries]`; overwritten by the next call."""
        out = self._scores[:filled]
        if self._device == "cpu":
            return torch.mm(chunk.scanned[:filled], self._reduced, out=out)
        if chunk.scanned.dtype == torch.float32:
            return torch.mm(chunk.scanned[:filled], self._reduced, out=out)
        return torch.mm(chunk.scanned[:filled], self._reduced, out_dtype=torch.float32)

    def at_least(self, chunk: Chunk, filled: int, floor: float) -> Near:
        """Every pair whose true cosine may reach `floor`."""
        scores = self.scores(chunk, filled)
        wanted = torch.tensor(floor - self.slack(chunk), dtype=torch.float64)
        limit = rounded_down(wanted, self.scored)
        if self._device == "cpu" and float(limit) > 0:
            # The bits of positive numbers, read as integers, are in the numbers' order, and all
            # negative ones lie below. numpy compares integers ten times as fast as torch bf16.
            kind = _AS_INTEGER[self.scored]
            bits = scores.view(kind).numpy()
            kept = np.flatnonzero(bits >= int(limit.view(kind)))
        else:
            found = torch.nonzero((scores >= limit.to(scores.device)).reshape(-1))
            kept = found.reshape(-1).cpu().numpy()
        rows, queries = np.divmod(kept, self._columns)
        if self._columns > self._count:
            real = queries < self._count
            rows, queries = rows[real], queries[real]
        at = torch.from_numpy(rows * self._columns + queries).to(scores.device)
        values = scores.reshape(-1)[at].to(torch.float64).cpu().numpy()
        return Near(rows, queries, values)
