"""Between the documents and the tables' rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Row, Select, select

from adjudicate.documents import Exemplar
from adjudicate.images import EncodedImage
from executors.library.schema import BANKS, EXEMPLARS, HITS, IMAGES
from executors.shared.hits import COUNTS

_COPIED = (
    *("id", "content_hash", "text", "category", "rule", "severity", "polarity", "bank", "note"),
    *("added_by", "added_at", "phash", "enabled"),
)

LISTED = EXEMPLARS.outerjoin(HITS, HITS.c.exemplar_id == EXEMPLARS.c.id)
"""Exemplars with their hit counts, if they have any."""

IN_USE = EXEMPLARS.c.enabled & ~EXEMPLARS.c.removed & BANKS.c.enabled
"""Whether an exemplar matches ads; of exemplars joined with banks."""


def listing(*, image: bool) -> Select[Any]:
    """Selects what `document` reads."""
    columns = [*(EXEMPLARS.c[name] for name in _COPIED), *(HITS.c[name] for name in COUNTS)]
    columns.append(HITS.c.last_hit_at)
    if not image:
        return select(*columns).select_from(LISTED)
    pictured = LISTED.outerjoin(IMAGES, IMAGES.c.exemplar_id == EXEMPLARS.c.id)
    return select(*columns, IMAGES.c.image).select_from(pictured)


def document(row: Row[Any]) -> Exemplar:
    """An exemplar as the library answers it, without its embeddings."""
    image = getattr(row, "image", None)
    return Exemplar(
        **{name: getattr(row, name) for name in _COPIED},
        image=None if image is None else EncodedImage(image),
        hits={name: getattr(row, name) or 0 for name in COUNTS},
        last_hit_at=row.last_hit_at or "",
    )


def embedding_values(exemplar: Exemplar) -> dict[str, Any]:
    """The columns of an exemplar's embeddings."""
    image, windows = exemplar.image_embedding, exemplar.text_embedding
    return {
        "encoder_version": exemplar.encoder_version,
        "image": None if image is None else _bytes(image),
        "text": None if windows is None else _bytes(windows),
        "text_windows": 0 if windows is None else len(windows),
    }


def _bytes(vector: Any) -> bytes:
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()
