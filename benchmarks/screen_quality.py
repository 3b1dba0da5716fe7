"""What the shipped CLIP screens on held-out renders: new seeds, an unseen face and layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image

from benchmarks.rows import Row, row
from models.clip_training.measure import (
    Screen,
    exemplar_views,
    held_out_copies,
    held_out_views,
    screen,
)
from models.render import VIOLATING, Claim

RENDERED = 256
"""Pixels a side; the model's own preprocessing reduces them."""
RENDERS_PER_CLAIM = 3
BAR = ">= 0.95"

Vectors = npt.NDArray[np.float32]


class Encoder:
    """A model in open_clip's layout with its own preprocessing and tokenizer, on the CPU."""

    def __init__(self, folder: Path) -> None:
        source = f"local-dir:{folder.resolve()}"
        self._model, self._preprocess = open_clip.create_model_from_pretrained(source)
        self._model.eval()
        self._tokenize = open_clip.get_tokenizer(source)

    def images(self, pictures: npt.NDArray[np.uint8]) -> Vectors:
        """Pictures `[N, S, S, 3]` to unit vectors `[N, D]`."""
        parts = []
        for start in range(0, len(pictures), 64):
            chunk = pictures[start : start + 64]
            pixels = torch.stack([self._preprocess(Image.fromarray(one)) for one in chunk])
            with torch.inference_mode():
                parts.append(self._model.encode_image(pixels, normalize=True).numpy())
        return np.concatenate(parts)

    def texts(self, texts: list[str]) -> Vectors:
        """Texts to unit vectors `[N, D]`."""
        with torch.inference_mode():
            features: Vectors = self._model.encode_text(
                self._tokenize(texts), normalize=True
            ).numpy()
        return features


def rows_of(name: str, result: Screen) -> list[Row]:
    return [
        row(f"screen, {name}: ROC-AUC", result.auc, "", BAR),
        row(f"screen, {name}: recall at 10 % false positives", result.recall, "", BAR),
        row(f"screen, {name}: nearest exemplar has the same claim", result.right),
    ]


def screen_quality(model_dir: Path) -> list[Row]:
    """Figures per subset and for all pictures together, and for copy around a claim.

    The library is three renders of each violating claim in a seen style, or the bare claims' texts.
    An ad's score is its highest cosine to the library. Seeds are fixed.
    """
    encoder = Encoder(model_dir)
    pictures, known = exemplar_views(RENDERED)
    library = encoder.images(pictures)
    rows: list[Row] = []
    everything: list[Vectors] = []
    every_claim: list[Claim] = []
    for name, (views, claims) in held_out_views(RENDERED, RENDERS_PER_CLAIM, seed=90_001).items():
        vectors = encoder.images(views)
        rows += rows_of(name, screen(vectors, claims, library, known))
        everything.append(vectors)
        every_claim += claims
    rows += rows_of("all", screen(np.concatenate(everything), every_claim, library, known))
    copies, claims = held_out_copies()
    bare = encoder.texts([claim.text for claim in VIOLATING])
    rows += rows_of("copy", screen(encoder.texts(copies), claims, bare, list(VIOLATING)))
    return rows
