"""Exact search, by construction: a fast scan that cannot miss, and float64 for what it kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from adjudicate.errors import ConfigurationError
from executors.library.index.base import (
    Floors,
    Hit,
    Mask,
    Places,
    Queries,
    Vectors,
    best_per_ad,
    joined,
    least,
)
from executors.library.index.rounding import rounded_down
from executors.library.index.rows import Rows
from executors.library.index.scan import Scan
from executors.shared.hardware import cpu_has_bf16
from executors.shared.settings import Precision

QUERIES_AT_ONCE = 128
"""Bounds the scores in memory: 4 MB in bf16."""
RESCORED_AT_ONCE = 1_024
ADS_AT_ONCE = 16
"""Of which the nearest are looked for together: bounds the scores kept, 64 MB for a million."""

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ExactIndex:
    """Every query against every vector.

    The scan, in bf16 where the processor multiplies it in hardware, is taken at `floor − ε` (ε of
    `rounding`); what survives is scored again from the float32 vectors in float64. So it decides
    as a float64 scan would: no hit is missed and none is invented.
    """

    kind = "exact"

    def __init__(self, precision: Precision = "auto", device: str = "auto") -> None:
        """Raises `ConfigurationError` for a device that is not there, or fp16 on a CPU."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device != "cpu" and not torch.cuda.is_available():
            raise ConfigurationError(
                f"ADJUDICATE_LIBRARY__SEARCH_DEVICE: {device!r} is not available; use 'cpu'."
            )
        if precision == "auto":
            fast = "bf16" if cpu_has_bf16() else "fp32"
            precision = "fp16" if device != "cpu" else fast  # type: ignore[assignment]
        if precision == "fp16" and device == "cpu":
            raise ConfigurationError(
                "ADJUDICATE_LIBRARY__SEARCH_PRECISION: fp16 is for a GPU; use 'auto'."
            )
        self.precision = precision
        self.rows = Rows(_DTYPES[precision], device)

    def add(self, places: Places, vectors: Vectors) -> None:
        """Append, in time that does not depend on how many there are."""
        self.rows.append(places, vectors)

    def search(self, ads: Sequence[Vectors], floors: Floors, live: Mask) -> list[list[Hit]]:
        """Exactly the exemplars that a float64 scan would find."""
        return self._search(ads, floors, live, np.full(len(ads), least(floors)))

    def nearest(self, ads: Sequence[Vectors], limit: int, live: Mask) -> list[list[Hit]]:
        """Exactly the nearest, equal ones by their place."""
        found: list[list[Hit]] = []
        everywhere = np.full(len(live), -np.inf)
        for start in range(0, len(ads), ADS_AT_ONCE):
            part = ads[start : start + ADS_AT_ONCE]
            floors = self._floors_of_nearest(part, limit, live)
            found += [hits[:limit] for hits in self._search(part, everywhere, live, floors)]
        return found

    def facts(self) -> dict[str, int]:
        """None: nothing can be missed."""
        return {}

    def close(self) -> None:
        """Nothing to end."""

    def _search(
        self, ads: Sequence[Vectors], floors: Floors, live: Mask, ad_floors: Floors
    ) -> list[list[Hit]]:
        """What reaches both its own floor and that of the ad, `[ads]`."""
        queries = Queries(ads)
        if not len(queries.vectors) or not self.rows.chunks or least(ad_floors) == np.inf:
            return [[] for _ in ads]
        with torch.inference_mode():
            found = joined(self._found(queries, floors, live, ad_floors[queries.ad_of]))
        return best_per_ad(len(ads), *found)

    def _found(
        self, queries: Queries, floors: Floors, live: Mask, query_floors: Floors
    ) -> Iterator[tuple[Places, Places, Floors]]:
        for start in range(0, len(queries.vectors), QUERIES_AT_ONCE):
            part = queries.vectors[start : start + QUERIES_AT_ONCE]
            wanted = query_floors[start : start + QUERIES_AT_ONCE]
            scan = Scan(self.rows, part)
            for chunk in tuple(self.rows.chunks):
                near = scan.at_least(chunk, chunk.filled, least(wanted))
                places = chunk.places[near.rows]
                own = np.maximum(floors_of(places, floors, live), wanted[near.queries])
                limits = rounded_down(torch.from_numpy(own - scan.slack(chunk)), scan.scored)
                kept = near.scores >= limits.to(torch.float64).numpy()
                which, rows = near.queries[kept], near.rows[kept]
                scores = rescored(part, which, chunk.exact, rows)
                hit = scores >= own[kept]
                yield queries.ad_of[start + which[hit]], places[kept][hit], scores[hit]

    def _floors_of_nearest(self, ads: Sequence[Vectors], limit: int, live: Mask) -> Floors:
        """Of each ad a floor that its `limit` nearest reach.

        At least `limit` exemplars reach the limit-th best computed score less its error: so does
        every one of the true nearest.
        """
        queries = Queries(ads)
        if not len(queries.vectors) or not self.rows.chunks or not live.any():
            return np.full(len(ads), np.inf)
        starts = np.searchsorted(queries.ad_of, np.arange(len(ads)))
        best = np.full((len(live), len(ads)), -np.inf, np.float32)
        slack = 0.0
        with torch.inference_mode():
            scan = Scan(self.rows, queries.vectors)
            for chunk in tuple(self.rows.chunks):
                filled = chunk.filled
                scores = scan.scores(chunk, filled)[:, : len(queries.vectors)]
                values = scores.to(torch.float32).cpu().numpy()
                by_ad = np.maximum.reduceat(values, starts, axis=1)
                places = chunk.places[:filled]
                firsts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]])
                by_place, places = np.maximum.reduceat(by_ad, firsts, axis=0), places[firsts]
                seen = places < len(live)
                # A place may have begun in the chunk before.
                at = places[seen]
                best[at] = np.maximum(best[at], by_place[seen])
                slack = max(slack, scan.slack(chunk))
        best = best[live & np.isfinite(best[:, 0])]
        if not len(best):
            return np.full(len(ads), np.inf)
        limit = min(limit, len(best))
        kth = np.partition(best, len(best) - limit, axis=0)[len(best) - limit].astype(np.float64)
        # A score in bf16 was rounded once more, by 2⁻⁸ of itself at most.
        final = 2.0**-8 * (np.abs(kth) + slack) if scan.scored == torch.bfloat16 else 0.0
        return np.asarray(kth - slack - 1.01 * final)


def floors_of(places: Places, floors: Floors, live: Mask) -> Floors:
    """The floor of each place; +inf for those that are not live."""
    seen = places < len(live)
    at = np.where(seen, places, 0)
    return np.where(seen & live[at], floors[at], np.inf)


def rescored(queries: Vectors, which: Places, vectors: Vectors, rows: Places) -> Floors:
    """Cosines of pairs in float64, of query `which[i]` and vector `rows[i]`."""
    scores = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), RESCORED_AT_ONCE):
        part = slice(start, start + RESCORED_AT_ONCE)
        left = queries[which[part]].astype(np.float64)
        right = vectors[rows[part]].astype(np.float64)
        scores[part] = np.einsum("nd,nd->n", left, right)
    return scores
