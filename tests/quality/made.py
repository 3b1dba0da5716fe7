"""Samples made by hand."""

from __future__ import annotations

import numpy as np

from executors.library.quality.projection import SKETCH
from executors.library.quality.samples import Sample

ENCODER = "clip-handmade"
START = "2026-03-01T12:00:00.000+00:00"


def sample(
    cosine: float = 0.3,
    sketch: np.ndarray | None = None,
    *,
    at: str = START,
    encoder: str = ENCODER,
    library: int = 1,
) -> Sample:
    """One ad with a picture."""
    made = None if sketch is None else sketch.astype(np.float16)
    return Sample(at, encoder, library, {"image": cosine}, made, None)


def population(count: int, seed: int, *, shift: float = 0.0, off: float = 0.0) -> list[Sample]:
    """Ads whose cosines lie around 0.3, moved by `shift`; whose sketches spread in a few
    directions, as CLIP's do, and lie `off` these by so much."""
    rng = np.random.default_rng(seed)
    widths = np.zeros(SKETCH)
    widths[:4] = (0.3, 0.2, 0.1, 0.05)
    sketches = rng.normal(size=(count, SKETCH)) * (widths + 0.01)
    sketches[:, 0] += 3 * shift
    sketches[:, -1] += off
    cosines = np.clip(rng.normal(0.3 + shift, 0.05, count), -1, 1)
    return [sample(float(c), s) for c, s in zip(cosines, sketches, strict=True)]
