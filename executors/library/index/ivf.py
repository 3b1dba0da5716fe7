"""Approximate search by FAISS's inverted file: audited while it serves, and it invents nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adjudicate.errors import ConfigurationError
from executors.library.index.audit import Audit
from executors.library.index.base import (
    Floors,
    Hit,
    Mask,
    Places,
    Queries,
    Vectors,
    best_per_ad,
    least,
)
from executors.library.index.clusters import PER_LIST, assign, list_count, train
from executors.library.index.exact import ExactIndex, floors_of, rescored
from executors.library.index.rounding import Norms, slack
from executors.library.index.rows import Rows
from executors.shared.hardware import cpu_has_bf16

LISTS_FROM = 0.6
"""Cosine below which hits lie in too many lists. Measured on 100,000 clustered vectors with 16 of
1,024 lists: recall 1.000 at 0.7, 0.999 at 0.6, 0.9985 at 0.5. A picture and a text that says the
same have a cosine of 0.2 to 0.35."""
RETRAIN_AT = 4
"""The lists are made anew when there are this many times the vectors they were made for."""
_HALF_UNIT = 2.0**-8
"""FAISS keeps the vectors in bf16, rounded to nearest."""

logger = logging.getLogger(__name__)


def require_faiss() -> Any:
    """The module `faiss`.

    Raises `ConfigurationError` when it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise ConfigurationError(
            "ADJUDICATE_LIBRARY__INDEX: 'ivf' needs FAISS: pip install 'adjudicate[faiss]'."
        ) from None
    return faiss


@dataclass
class _Lists:
    """The inverted file over the first `count` rows."""

    index: Any
    centroids: Vectors
    trained_for: int
    count: int = 0


class IvfIndex:
    """Searches the `probes` lists nearest to a query, and scores what they hold exactly.

    Below `train_from` vectors, or with a floor below `LISTS_FROM`, it searches exactly. When there
    are enough, the lists are made in the background, and exact search serves until they are ready.
    Vectors that come later are put into their lists as they are added.
    """

    kind = "ivf"

    def __init__(
        self,
        probes: int = 16,
        train_from: int = 50_000,
        audit_share: float = 0.0,
        audit_seed: int = 0,
    ) -> None:
        """Raises `ConfigurationError` when FAISS is not installed."""
        self._faiss = require_faiss()
        self._probes = probes
        self._train_from = train_from
        self._exact = ExactIndex("auto", "cpu")
        self._dtype = torch.bfloat16 if cpu_has_bf16() else torch.float32
        self._lists: _Lists | None = None
        self._lock = threading.Lock()
        self._training: threading.Thread | None = None
        self._audit = Audit(self._exact.search, audit_share, audit_seed)

    @property
    def rows(self) -> Rows:
        """The vectors as they were given."""
        return self._exact.rows

    def add(self, places: Places, vectors: Vectors) -> None:
        """Append; puts the rows into the lists, or starts to make them when it is time."""
        with self._lock:
            self._exact.add(places, vectors)
            if self._lists is not None:
                self._fill(self._lists)
            count = len(self._exact.rows)
            due = RETRAIN_AT * self._lists.trained_for if self._lists else self._train_from
            if count < max(due, 1) or self._training is not None:
                return
            self._training = threading.Thread(target=self._train, name="ivf-train", daemon=True)
            self._training.start()

    def wait(self) -> None:
        """Until the lists that are being made are in use."""
        training = self._training
        if training is not None:
            training.join()

    def search(self, ads: Sequence[Vectors], floors: Floors, live: Mask) -> list[list[Hit]]:
        """What the probed lists hold at or above its floor; nothing that is below it."""
        lists = self._lists
        lowest = least(floors)
        if lists is None or lowest < LISTS_FROM:
            return self._exact.search(ads, floors, live)
        queries = Queries(ads)
        if not len(queries.vectors) or lowest == np.inf:
            return [[] for _ in ads]
        which, rows = self._probe(lists, queries.vectors, lowest)
        places, vectors = self._exact.rows.gather(rows)
        own = floors_of(places, floors, live)
        scores = rescored(queries.vectors, which, vectors, np.arange(len(rows)))
        hit = scores >= own
        found = best_per_ad(len(ads), queries.ad_of[which[hit]], places[hit], scores[hit])
        self._audit.offer(ads, floors, live, found)
        return found

    def nearest(self, ads: Sequence[Vectors], limit: int, live: Mask) -> list[list[Hit]]:
        """Exactly the nearest: asked for by people, who can wait for a scan."""
        return self._exact.nearest(ads, limit, live)

    def facts(self) -> dict[str, int]:
        """Lists, and the counts of the audit."""
        lists = self._lists
        return {"lists": len(lists.centroids) if lists else 0, **self._audit.facts()}

    def close(self) -> None:
        """Wait for the training and the audit that run."""
        self.wait()
        self._audit.close()

    def _probe(
        self, lists: _Lists, queries: Vectors, lowest: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(query, row) of what may reach `lowest` in the nearest lists."""
        near = queries @ lists.centroids.T
        probes = min(self._probes, len(lists.centroids))
        keys = np.argpartition(-near, probes - 1, axis=1)[:, :probes].astype(np.int64)
        similarity = np.take_along_axis(near, keys, axis=1)
        norm = 1 + 1e-3
        stored = Norms(norm, norm * _HALF_UNIT)
        radius = lowest - slack(queries.shape[1], stored, Norms(norm))
        with self._lock:
            lists.index.nprobe = probes
            limits, _, rows = lists.index.range_search_preassigned(
                queries, float(radius), keys, similarity
            )
        counts = np.diff(limits.astype(np.int64))
        return np.repeat(np.arange(len(queries)), counts), rows.astype(np.int64)

    def _train(self) -> None:
        try:
            lists = self._make_lists()
            with self._lock:
                self._fill(lists)
                self._lists = lists
        except Exception:
            # Exact search goes on; the next addition tries again.
            logger.exception("the lists of the index could not be made")
        finally:
            self._training = None

    def _make_lists(self) -> _Lists:
        rows = self._exact.rows
        count = len(rows)
        number = min(list_count(count), count)
        size = min(count, PER_LIST * number)
        chosen = np.sort(np.random.default_rng(0).choice(count, size, replace=False))
        sample = rows.gather(chosen)[1]
        centroids = train(sample, number, self._dtype)
        quantizer = self._faiss.IndexFlatIP(rows.dimension)
        quantizer.add(centroids)
        index = self._faiss.IndexIVFScalarQuantizer(
            quantizer,
            rows.dimension,
            number,
            self._faiss.ScalarQuantizer.QT_bf16,
            self._faiss.METRIC_INNER_PRODUCT,
            False,
        )
        index.train(sample[:1])
        lists = _Lists(index, centroids, count)
        self._fill(lists, count)
        return lists

    def _fill(self, lists: _Lists, until: int | None = None) -> None:
        """Put the rows that are not in the lists yet there."""
        end = len(self._exact.rows) if until is None else until
        while lists.count < end:
            rows = np.arange(lists.count, min(end, lists.count + 16_384))
            vectors = self._exact.rows.gather(rows)[1]
            nearest = assign(vectors, lists.centroids, self._dtype)
            pointer = self._faiss.swig_ptr
            lists.index.add_core(len(rows), pointer(vectors), pointer(rows), pointer(nearest))
            lists.count += len(rows)
