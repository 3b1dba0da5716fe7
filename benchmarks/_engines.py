"""The indexes that are compared: ours, and those that users would pick instead."""

from __future__ import annotations

import ctypes
import gc
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import faiss
import numpy as np
import psutil
import torch

from benchmarks._vectors import DIMENSION, Vectors
from executors.library.index import ExactIndex, VectorIndex
from executors.library.index.clusters import list_count
from executors.library.index.ivf import IvfIndex

PROBES = 16
BLAS_FROM = 20
"""From so many queries on FAISS multiplied matrices in former releases; in 1.15 from 250 on, when
they have 512 dimensions."""
TUNED = f"FAISS Flat, BLAS from {BLAS_FROM} queries"


class Engine(Protocol):
    """Builds on the library, and finds the rows at or above the floor."""

    name: str

    def build(self, parts: Sequence[Vectors]) -> None: ...

    def search(self, queries: Vectors, floor: float) -> list[set[int]]: ...


class Ours:
    """One of our indexes, called as a snapshot calls it."""

    def __init__(self, name: str, index: VectorIndex) -> None:
        self.name = name
        self.index = index
        self._floors = np.zeros(0)
        self._live = np.zeros(0, bool)

    def build(self, parts: Sequence[Vectors]) -> None:
        start = 0
        for part in parts:
            self.index.add(np.arange(start, start + len(part)), part)
            start += len(part)
        if isinstance(self.index, IvfIndex):
            self.index.wait()
        self._live = np.ones(start, bool)

    def search(self, queries: Vectors, floor: float) -> list[set[int]]:
        if not len(self._floors) or self._floors[0] != floor:
            self._floors = np.full(len(self._live), floor)
        found = self.index.search([query[None] for query in queries], self._floors, self._live)
        return [{hit.place for hit in hits} for hits in found]


class Faiss:
    """A FAISS index by its factory string, searched by range."""

    def __init__(self, name: str, factory: str, blas_from: int | None = None) -> None:
        self.name = name
        self.index: Any = faiss.index_factory(DIMENSION, factory, faiss.METRIC_INNER_PRODUCT)
        self._blas_from = blas_from

    def build(self, parts: Sequence[Vectors]) -> None:
        if not self.index.is_trained:
            self.index.train(np.concatenate(parts[:2]))
        for part in parts:
            self.index.add(part)

    def search(self, queries: Vectors, floor: float) -> list[set[int]]:
        default = faiss.cvar.distance_compute_blas_threshold
        if self._blas_from is not None:
            faiss.cvar.distance_compute_blas_threshold = self._blas_from
        try:
            limits, _, rows = self.index.range_search(queries, floor)
        finally:
            faiss.cvar.distance_compute_blas_threshold = default
        ends = limits.tolist()
        return [set(rows[a:b].tolist()) for a, b in pairwise(ends)]


class Qdrant:
    """Qdrant's client in its local mode, which is brute force in numpy."""

    name = "qdrant client (local mode)"

    def __init__(self) -> None:
        from qdrant_client import QdrantClient, models

        self._models = models
        self._client = QdrantClient(":memory:")

    def build(self, parts: Sequence[Vectors]) -> None:
        size = self._models.VectorParams(size=DIMENSION, distance=self._models.Distance.COSINE)
        self._client.create_collection("bench", vectors_config=size)
        start = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that local mode is not meant for this many points
            for part in parts:
                for first in range(0, len(part), 4_096):
                    some = part[first : first + 4_096]
                    ids = list(range(start + first, start + first + len(some)))
                    batch = self._models.Batch(ids=ids, vectors=some.tolist())
                    self._client.upsert("bench", batch)
                start += len(part)

    def search(self, queries: Vectors, floor: float) -> list[set[int]]:
        requests = [
            self._models.QueryRequest(query=query.tolist(), limit=10_000, score_threshold=floor)
            for query in queries
        ]
        answers = self._client.query_batch_points("bench", requests)
        return [{point.id for point in answer.points} for answer in answers]


def exact() -> Engine:
    return Ours("exact", ExactIndex("auto", "cpu"))


def ivf(count: int) -> Engine:
    return Ours("ivf", IvfIndex(PROBES, train_from=count))


def faiss_flat() -> Engine:
    return Faiss("FAISS Flat", "Flat")


def faiss_flat_tuned(flat: Engine) -> Engine:
    """The same index, searched with another setting of FAISS."""
    assert isinstance(flat, Faiss)
    engine = Faiss(TUNED, "Flat", BLAS_FROM * DIMENSION)
    engine.index = flat.index
    return engine


def faiss_ivf(count: int) -> Engine:
    engine = Faiss("FAISS IVF", f"IVF{list_count(count)},Flat")
    engine.index.nprobe = PROBES
    # Of its ten: they take minutes for a million vectors, and recall is the same.
    engine.index.cp.niter = 4
    return engine


def one_thread() -> None:
    """What every engine gets."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


def built(engine: Engine, parts: Sequence[Vectors]) -> tuple[float, float]:
    """Seconds and MB that building takes."""
    before = _resident()
    started = time.perf_counter()
    engine.build(parts)
    seconds = time.perf_counter() - started
    return seconds, (_resident() - before) / 1e6


def _resident() -> int:
    """Bytes, without what was freed and only kept for the next allocation."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)
