"""Which exemplar a new one is almost a copy of: said to whoever adds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adjudicate.documents import Exemplar
from executors.library.index import Snapshot, Vectors
from executors.shared.perceptual_hash import hash_distance
from executors.shared.settings import LibrarySettings

_LOOKED_AT = 8
"""Of the held pictures that are most alike, by cosine: more than one may be a copy by hash."""


def near_duplicates(
    snapshot: Snapshot, exemplars: Sequence[Exemplar], settings: LibrarySettings
) -> list[str]:
    """For each exemplar the id of another one, held or earlier in the group, that it is almost a
    copy of; empty where there is none.

    That is what screening takes for a near-duplicate: the cosine of the pictures or of the texts
    reaches `near_duplicate`, or the hashes of two pictures that are alike differ in
    `hash_distance` bits at most.
    """
    held = _near_held(snapshot, exemplars, settings)
    return [
        known or _near_earlier(exemplar, exemplars[:at], settings)
        for at, (exemplar, known) in enumerate(zip(exemplars, held, strict=True))
    ]


def _near_held(
    snapshot: Snapshot, exemplars: Sequence[Exemplar], settings: LibrarySettings
) -> list[str]:
    found = [""] * len(exemplars)
    for signal, limit in (("image", _LOOKED_AT), ("text", 1)):
        asked = [
            (at, vectors)
            for at, exemplar in enumerate(exemplars)
            if (vectors := _vectors(exemplar, signal)) is not None
            and vectors.shape[1] == snapshot.dimension
        ]
        hits = snapshot.nearest(
            "image" if signal == "image" else "text", [vectors for _, vectors in asked], limit
        )
        for (at, _), near in zip(asked, hits, strict=True):
            for place, cosine in near:
                entry = snapshot.entries[place]
                phash = exemplars[at].phash if signal == "image" else ""
                if entry.id != exemplars[at].id and _alike(cosine, phash, entry.phash, settings):
                    found[at] = found[at] or entry.id
    return found


def _near_earlier(
    exemplar: Exemplar, earlier: Sequence[Exemplar], settings: LibrarySettings
) -> str:
    for other in earlier:
        for signal in ("image", "text"):
            mine, theirs = _vectors(exemplar, signal), _vectors(other, signal)
            if mine is None or theirs is None or mine.shape[1] != theirs.shape[1]:
                continue
            phash = exemplar.phash if signal == "image" else ""
            if _alike(float((mine @ theirs.T).max()), phash, other.phash, settings):
                return other.id or ""
    return ""


def _alike(cosine: float, phash: str, other: str, settings: LibrarySettings) -> bool:
    copied = bool(phash) and hash_distance(phash, other) <= settings.hash_distance
    return cosine >= settings.near_duplicate or copied


def _vectors(exemplar: Exemplar, signal: str) -> Vectors | None:
    embedding: Any = getattr(exemplar, f"{signal}_embedding")
    return None if embedding is None else np.atleast_2d(np.asarray(embedding, np.float32))
