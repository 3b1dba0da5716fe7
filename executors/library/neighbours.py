"""Which exemplars are alike: what a person sees beside one, and which of them are almost copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine, Row, Select, select

from adjudicate.documents import Match
from executors.library.changing import chunks
from executors.library.index import Snapshot, Vectors
from executors.library.schema import EMBEDDINGS, EXEMPLARS
from executors.library.thresholds import Signal
from executors.shared.perceptual_hash import HASH_BITS, hash_distance
from executors.shared.settings import LibrarySettings

_SIGNALS: tuple[Signal, ...] = ("image", "text")


@dataclass(frozen=True)
class Held:
    """What an exemplar is compared by."""

    phash: str
    vectors: dict[Signal, Vectors]
    """`[1, D]` of its picture, `[W, D]` of its text, as far as it has them."""


def held_vectors(engine: Engine, ids: Sequence[str], encoder_version: str) -> dict[str, Held]:
    """The exemplars of these ids that are not removed, with their embeddings of this encoder."""
    of_encoder = EMBEDDINGS.c.encoder_version == encoder_version
    tables = EXEMPLARS.outerjoin(
        EMBEDDINGS, (EMBEDDINGS.c.exemplar_id == EXEMPLARS.c.id) & of_encoder
    )
    held = [EXEMPLARS.c[name] for name in ("id", "phash")]
    embedded = [EMBEDDINGS.c[name] for name in ("image", "text", "text_windows")]
    query: Select[Any] = select(*held, *embedded).select_from(tables)
    found: dict[str, Held] = {}
    with engine.connect() as connection:
        for part in chunks(ids):
            rows = connection.execute(query.where(EXEMPLARS.c.id.in_(part), ~EXEMPLARS.c.removed))
            found.update((row.id, Held(row.phash, _vectors(row))) for row in rows)
    return found


def neighbours(
    snapshot: Snapshot, held: dict[str, Held], limit: int, settings: LibrarySettings
) -> dict[str, list[Match]]:
    """For each exemplar the others that are most like it, `limit` of each signal at most, those
    that are almost copies first: pictures to pictures, texts to texts.

    A match's `threshold` is where it is almost a copy: its cosine is `near_duplicate` or more; or,
    as signal `hash`, the pictures' hashes differ in `hash_distance` bits at most.
    """
    found: dict[str, list[Match]] = {name: [] for name in held}
    for signal in _SIGNALS:
        asked = [
            (name, one.vectors[signal])
            for name, one in held.items()
            if signal in one.vectors and one.vectors[signal].shape[1] == snapshot.dimension
        ]
        # One more than asked for: the nearest is the exemplar itself.
        near = snapshot.nearest(signal, [vectors for _, vectors in asked], limit + 1)
        for (name, _), hits in zip(asked, near, strict=True):
            others = [hit for hit in hits if snapshot.entries[hit.place].id != name][:limit]
            found[name] += [
                _match(snapshot, place, cosine, signal, held[name].phash, settings)
                for place, cosine in others
            ]
    return {name: sorted(matches, key=_nearest_first) for name, matches in found.items()}


def almost_copies(matches: Sequence[Match]) -> list[Match]:
    """Those of `neighbours` that reach their threshold, each exemplar once."""
    found: dict[str, Match] = {}
    for match in matches:
        if match.similarity >= match.threshold:
            found.setdefault(match.exemplar_id, match)
    return list(found.values())


def _match(
    snapshot: Snapshot,
    place: int,
    cosine: float,
    signal: Signal,
    phash: str,
    settings: LibrarySettings,
) -> Match:
    entry = snapshot.entries[place]
    distance = hash_distance(phash, entry.phash) if signal == "image" else HASH_BITS
    copied = distance <= settings.hash_distance
    return Match(
        exemplar_id=entry.id,
        category=entry.category,
        rule=entry.rule,
        polarity=entry.polarity,
        severity=entry.severity,
        signal="hash" if copied else signal,
        similarity=1 - distance / HASH_BITS if copied else min(cosine, 1.0),
        threshold=1 - settings.hash_distance / HASH_BITS if copied else settings.near_duplicate,
    )


def _nearest_first(match: Match) -> tuple[bool, float]:
    return match.similarity < match.threshold, -match.similarity


def _vectors(row: Row[Any]) -> dict[Signal, Vectors]:
    found: dict[Signal, Vectors] = {}
    if row.image is not None:
        found["image"] = np.frombuffer(row.image, "<f4").reshape(1, -1)
    if row.text is not None:
        found["text"] = np.frombuffer(row.text, "<f4").reshape(row.text_windows, -1)
    return found
