"""Scores made by hand or at random."""

from collections.abc import Sequence

import numpy as np

from adjudicate.calibration.scores import OFF, SIGNALS, Scores, Thresholds

NONE = -np.inf


def scores(
    rows: Sequence[tuple[int | None, Sequence[Sequence[float]]]], categories: int = 1
) -> Scores:
    """Rows of (own category, or None for a compliant ad; similarity by category and signal);
    signals that are left out are not there."""
    similarity = np.full((len(rows), categories, len(SIGNALS)), NONE)
    for ad, (_, values) in enumerate(rows):
        for category, signals in enumerate(values):
            similarity[ad, category, : len(signals)] = signals
    own = [row[0] for row in rows]
    return Scores(
        similarity,
        np.array([category is not None for category in own]),
        np.array([-1 if category is None else category for category in own]),
        tuple(f"c{at}" for at in range(categories)),
        np.zeros(len(rows), dtype=bool),
    )


def pairs(*categories: int) -> list[tuple[int, int]]:
    """Every signal of these categories."""
    return [(category, signal) for category in categories for signal in range(len(SIGNALS))]


def off(categories: int = 1) -> Thresholds:
    """Nothing in force."""
    return np.full((categories, len(SIGNALS)), OFF)


def random_scores(seed: int, ads: int = 120, categories: int = 3, apart: float = 0.25) -> Scores:
    """Violations lie `apart` above compliant ads in their own category, noisily; a third of the
    ads lack a picture, another third lacks copy."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, categories, ads)
    violating = rng.random(ads) < 0.5
    similarity = rng.normal(0.4, 0.12, (ads, categories, len(SIGNALS)))
    similarity[np.arange(ads), own] += apart * violating[:, None]
    lacking = rng.integers(0, 3, ads)
    similarity[lacking == 0, :, 1] = NONE
    similarity[lacking == 1, :, 0] = similarity[lacking == 1, :, 2] = NONE
    clipped = np.clip(similarity, 0.01, 1.0, where=np.isfinite(similarity), out=similarity)
    names = tuple(f"c{at}" for at in range(categories))
    never = np.zeros(ads, dtype=bool)
    return Scores(clipped, violating, np.where(violating, own, -1), names, never)
