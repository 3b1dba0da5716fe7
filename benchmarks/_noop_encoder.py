"""The encoder's room without a model: its door, threads and batches are the real ones.

A picture is hashed, as the real room does, but not decoded; its embedding is a fixed one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from adjudicate.content import content_hash
from adjudicate.documents import Candidate, Case, Exemplar, Problem
from adjudicate.errors import STATUS, Code
from benchmarks._noop_settings import FLAGGED, NoopSettings
from executors.encoder import executor
from executors.encoder.embedding import Embedded
from executors.encoder.model import Counters, Vectors
from executors.encoder.prepare import Prepared

DIMENSION = 512
VERSION = "noop"
SIMILARITY = 0.9
"""Cosine of a flagged ad's picture with the known violation."""

_KNOWN, _ALIKE, _OTHER, _COPY = np.eye(4, DIMENSION, dtype=np.float32)
_FLAGGED = SIMILARITY * _KNOWN + np.sqrt(1 - SIMILARITY**2).astype(np.float32) * _ALIKE


class NoModel:
    """What the room wants to know of its model."""

    name = "none"
    version = VERSION
    precision = "fp32"
    dimension = DIMENSION
    context = 77
    logit_scale = 100.0
    images_per_pass = 32
    decode_side = 0

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch
        self.device = torch.device("cpu")
        self.counters = Counters()


class Work(Prepared):
    """A document's embeddings, where the real room has its pixels."""

    embedded: Embedded


class NoopEncoder(executor.Encoder):
    """Takes ads and exemplars; ranks nothing."""

    def open(self) -> None:
        self._noop = NoopSettings()
        # The real `open` asks for a model by this name.
        load, executor.load = executor.load, self._no_model  # type: ignore[assignment]
        try:
            super().open()
        finally:
            executor.load = load

    def _no_model(self, settings: Any) -> NoModel:
        return NoModel(settings.max_batch or 32)

    def _prepared(self, document: Case | Exemplar | Candidate, hashed: bool) -> Prepared | None:
        if isinstance(document, Case) and hashed:
            document.content_hash = content_hash(document.image, document.text)
            if document.image is not None:
                document.picture = sha256(document.image).hexdigest()
        if document.problem is None and not document.image and not document.text:
            document.problem = Problem(code=Code.AD_EMPTY, detail=STATUS[Code.AD_EMPTY].title)
        if document.problem is not None:
            return None
        work = Work()
        object.__setattr__(work, "embedded", _embedding(document))
        return work

    def _embed(self, work: Sequence[tuple[Prepared, str | None]]) -> list[Embedded]:
        time.sleep(self._noop.encoder_ms / 1_000)
        self._encoded += len(work)
        return [prepared.embedded for prepared, _ in work if isinstance(prepared, Work)]


def _embedding(document: Case | Exemplar | Candidate) -> Embedded:
    copy = _COPY[None] if document.text else None
    if not document.image:
        return None, copy
    return _of_picture(document), copy


def _of_picture(document: Case | Exemplar | Candidate) -> Vectors:
    if isinstance(document, Exemplar):
        return _KNOWN if document.note == FLAGGED else _unlike(document.image or b"")
    return _FLAGGED if getattr(document, "advertiser", "") == FLAGGED else _OTHER


def _unlike(picture: bytes) -> Vectors:
    """A vector of its own for each exemplar, at right angles to those of the ads."""
    seed = int.from_bytes(content_hash(picture, "").encode()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    vector[:4] = 0
    return vector / np.linalg.norm(vector)
