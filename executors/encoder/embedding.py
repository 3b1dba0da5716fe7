"""One batch of prepared documents through both towers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from executors.encoder.model import ClipEncoder, Vectors
from executors.encoder.prepare import Prepared

Embedded = tuple[Vectors | None, Vectors | None]
"""Of the picture `[D]`, of the copy `[W, D]`; None for what the document lacks."""


def embed_together(model: ClipEncoder, work: Sequence[Prepared]) -> list[Embedded]:
    """The embeddings of each document: one pass for the pictures, one for the texts.

    Raises `FloatingPointError` if one is not finite, and what the model raises.
    """
    images = iter(model.encode_pixels([one.pixels for one in work if one.pixels is not None]))
    texts = _texts(model, [one.windows for one in work])
    embedded: list[Embedded] = [
        (next(images) if one.pixels is not None else None, text if len(text) else None)
        for one, text in zip(work, texts, strict=True)
    ]
    if not all(np.isfinite(v).all() for v in chain.from_iterable(embedded) if v is not None):
        raise FloatingPointError("an embedding is not finite")
    return embedded


def _texts(model: ClipEncoder, windows: list[list[str]]) -> list[Vectors]:
    """`[W, D]` for each copy. Windows that several copies share are encoded once."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(chain.from_iterable(windows)))}
    vectors = model.encode_texts(list(rows))
    return [vectors[[rows[text] for text in copy]] for copy in windows]
