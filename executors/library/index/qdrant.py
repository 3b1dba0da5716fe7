"""Search by a Qdrant server: for libraries that outgrow one process's memory."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from adjudicate.errors import Code, ConfigurationError, ServiceError
from executors.library.index.audit import Audit
from executors.library.index.base import (
    Floors,
    Hit,
    Mask,
    Modality,
    Places,
    Queries,
    Vectors,
    best_per_ad,
    least,
)
from executors.library.index.exact import floors_of, rescored
from executors.library.index.rounding import Norms, slack

_WRITTEN_AT_ONCE = 512
_FIRST_LIMIT = 64
"""Points asked for at first; eight times as many each time that a query has them all."""

T = TypeVar("T")


def connect(url: str, api_key: str = "", timeout_s: float = 5.0) -> Any:
    """A client of the server at the URL; `:memory:` or a folder is Qdrant's local mode.

    Raises `ConfigurationError` when qdrant-client is not installed or nothing answers.
    """
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise ConfigurationError(
            "ADJUDICATE_LIBRARY__INDEX: 'qdrant' needs a client: pip install 'adjudicate[qdrant]'."
        ) from None
    try:
        if url == ":memory:":
            return QdrantClient(":memory:")
        if "://" not in url:
            return QdrantClient(path=url)
        client = QdrantClient(url, api_key=api_key or None, timeout=max(1, round(timeout_s)))
        client.get_collections()
    except Exception as error:  # its transports raise what they like
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigurationError(
            f"ADJUDICATE_LIBRARY__QDRANT_URL: no Qdrant answers at {url} ({reason})."
        ) from None
    return client


class QdrantIndex:
    """One collection per encoder version and modality.

    A point is a vector, and its id a hash of it. So writing a point again changes nothing: any
    number of replicas may write, in any order, and a restart writes only what is missing. Which
    exemplar a point stands for is known here, from SQL. The points of removed exemplars stay; no
    place that is live leads to them. What a search returns is scored again in float64.
    """

    kind = "qdrant"

    def __init__(
        self,
        client: Any,
        collection: str,
        encoder_version: str,
        modality: Modality,
        *,
        ef: int = 256,
        audit_share: float = 0.0,
        audit_seed: int = 0,
    ) -> None:
        """`collection`: the prefix of the collections' names. `ef`: HNSW's breadth of search."""
        from qdrant_client import models

        self._models = models
        self._client = client
        version = hashlib.blake2b(encoder_version.encode(), digest_size=8).hexdigest()
        self._name = f"{collection}-{modality}-{version}"
        self._ef = ef
        self._places: dict[str, tuple[int, ...]] = {}
        self._dimension = 0
        self._audit = Audit(self._search_exactly, audit_share, audit_seed)

    def add(self, places: Places, vectors: Vectors) -> None:
        """Write the points that are not there. Raises `ServiceError` when Qdrant fails."""
        if not len(vectors):
            return
        if not self._dimension:
            _asked(lambda: self._create(vectors.shape[1]))
            self._dimension = vectors.shape[1]
        for start in range(0, len(vectors), _WRITTEN_AT_ONCE):
            part = np.ascontiguousarray(vectors[start : start + _WRITTEN_AT_ONCE])
            ids = [point_id(vector) for vector in part]
            _asked(partial(self._write, ids, part))
            for point, place in zip(ids, places[start : start + len(ids)].tolist(), strict=True):
                self._places[point] = (*self._places.get(point, ()), place)

    def search(self, ads: Sequence[Vectors], floors: Floors, live: Mask) -> list[list[Hit]]:
        """What the server finds at or above its floor; nothing that is below it.

        Raises `ServiceError` when Qdrant fails.
        """
        found = self._search(ads, floors, live, exact=False)
        self._audit.offer(ads, floors, live, found)
        return found

    def nearest(self, ads: Sequence[Vectors], limit: int, live: Mask) -> list[list[Hit]]:
        """The nearest that the server finds. Raises `ServiceError` when Qdrant fails."""
        floors = np.full(len(live), -2.0)
        found = []
        for ad in ads:
            asked = max(limit, _FIRST_LIMIT)
            while True:
                points = self._points([ad], None, asked, exact=False)
                hits = self._decided([ad], points, floors, live)[0]
                if len(hits) >= limit or max(map(len, points), default=0) < asked:
                    break
                asked *= 8
            found.append(hits[:limit])
        return found

    def facts(self) -> dict[str, int]:
        """The counts of the audit."""
        return self._audit.facts()

    def close(self) -> None:
        """Wait for the audit that runs. The client is its maker's to close."""
        self._audit.close()

    def _search_exactly(
        self, ads: Sequence[Vectors], floors: Floors, live: Mask
    ) -> list[list[Hit]]:
        return self._search(ads, floors, live, exact=True)

    def _search(
        self, ads: Sequence[Vectors], floors: Floors, live: Mask, *, exact: bool
    ) -> list[list[Hit]]:
        lowest = least(floors)
        if not ads or not self._dimension or lowest == np.inf:
            return [[] for _ in ads]
        asked = _FIRST_LIMIT
        while True:
            points = self._points(ads, lowest, asked, exact=exact)
            if max(map(len, points), default=0) < asked:
                return self._decided(ads, points, floors, live)
            asked *= 8

    def _points(
        self, ads: Sequence[Vectors], lowest: float | None, limit: int, *, exact: bool
    ) -> list[list[Any]]:
        """Of each query vector what the server returns, with the points' vectors."""
        if not self._dimension:
            return []
        queries = Queries(ads).vectors
        norm = Norms(1 + 1e-3)
        threshold = None if lowest is None else lowest - slack(self._dimension, norm, norm)
        requests = [
            self._models.QueryRequest(
                query=query.tolist(),
                limit=limit,
                score_threshold=threshold,
                with_vector=True,
                params=self._models.SearchParams(hnsw_ef=self._ef, exact=exact),
            )
            for query in queries
        ]
        answers = _asked(lambda: self._client.query_batch_points(self._name, requests))
        return [answer.points for answer in answers]

    def _decided(
        self, ads: Sequence[Vectors], points: Sequence[Sequence[Any]], floors: Floors, live: Mask
    ) -> list[list[Hit]]:
        queries = Queries(ads)
        pairs = [
            (query, place, point.vector)
            for query, answer in enumerate(points)
            for point in answer
            for place in self._places.get(str(point.id), ())
        ]
        if not pairs:
            return [[] for _ in ads]
        which, at, vectors = zip(*pairs, strict=True)
        query_of, places = np.array(which), np.array(at, np.int64)
        known = np.array(vectors, np.float32)
        scores = rescored(queries.vectors, query_of, known, np.arange(len(known)))
        hit = scores >= floors_of(places, floors, live)
        return best_per_ad(len(ads), queries.ad_of[query_of[hit]], places[hit], scores[hit])

    def _create(self, dimension: int) -> None:
        if self._client.collection_exists(self._name):
            return
        # Vectors have unit norm within 10⁻³; a cosine collection would scale them, and so change
        # their bits.
        size = self._models.VectorParams(size=dimension, distance=self._models.Distance.DOT)
        try:
            self._client.create_collection(self._name, vectors_config=size)
        except Exception:
            if not self._client.collection_exists(self._name):  # another replica was first
                raise

    def _write(self, ids: Sequence[str], vectors: Vectors) -> None:
        there = {str(point.id) for point in self._client.retrieve(self._name, ids, False, False)}
        points = {
            point: self._models.PointStruct(id=point, vector=vector.tolist())
            for point, vector in zip(ids, vectors, strict=True)
            if point not in there
        }
        if points:
            self._client.upsert(self._name, list(points.values()), wait=True)


def point_id(vector: Vectors) -> str:
    """The id of the point that holds this vector, `[D] float32`."""
    return str(uuid.UUID(bytes=hashlib.blake2b(vector.tobytes(), digest_size=16).digest()))


def _asked(ask: Callable[[], T]) -> T:
    """Raises `ServiceError` for whatever the client raises: that ad is answered with an error."""
    try:
        return ask()
    except Exception as error:
        raise ServiceError(
            Code.ROOM_UNAVAILABLE, f"Qdrant does not answer ({type(error).__name__})"
        ) from error
