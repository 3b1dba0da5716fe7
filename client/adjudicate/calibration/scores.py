"""What calibration computes with: how alike each labelled ad is to each category, by signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNALS = ("image", "text", "image-text")

OFF = np.inf
"""The threshold that nothing reaches."""

Thresholds = NDArray[np.float64]
"""`[C, S]`, cosine; `OFF` where a signal is not used for a category."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """N labelled ads against C categories in S signals.

    A violation's own category is `own[n]`, −1 when it is not known or the library has none of it;
    −1 for every compliant ad.
    """

    similarity: NDArray[np.float64]
    """`[N, C, S]`: the best cosine with a violation of the category; −inf where there is none."""
    violating: Mask
    """`[N]`."""
    own: NDArray[np.int64]
    """`[N]`, index of a category."""
    categories: tuple[str, ...]
    always: Mask
    """`[N]`: flagged whatever the thresholds, as almost a copy of a known violation."""

    def __post_init__(self) -> None:
        ads, categories, signals = self.similarity.shape
        assert categories == len(self.categories)
        assert signals == len(SIGNALS)
        assert len(self.violating) == len(self.own) == len(self.always) == ads

    def __len__(self) -> int:
        return len(self.violating)

    @property
    def compliant(self) -> Mask:
        """`[N]`."""
        return ~self.violating

    def of(self, category: int) -> Mask:
        """`[N]`: the violations of this category; −1 gives those of none that is known."""
        return self.violating & (self.own == category)

    def taken(self, ads: Mask | NDArray[np.int64]) -> Scores:
        """The same of some of the ads."""
        return Scores(
            self.similarity[ads],
            self.violating[ads],
            self.own[ads],
            self.categories,
            self.always[ads],
        )

    def caught(self, thresholds: Thresholds) -> Mask:
        """`[N]`: whether any signal of any category fires."""
        fires: Mask = (self.similarity >= thresholds).any(axis=(1, 2)) | self.always
        return fires


def gathered(
    rows: Sequence[dict[tuple[str, str], float]],
    violating: Sequence[bool],
    category_of: Sequence[str],
    categories: Sequence[str],
    near_duplicate: float,
) -> Scores:
    """Scores from each ad's best cosine by (category, signal).

    At `near_duplicate`, picture to picture or text to text, the screen flags without asking a
    threshold.
    """
    values = np.full((len(rows), len(categories), len(SIGNALS)), -np.inf)
    place = {name: at for at, name in enumerate(categories)}
    for ad, row in enumerate(rows):
        for (category, signal), cosine in row.items():
            # No threshold is 0 or below: what is not alike at all is as good as not there.
            if category in place and signal in SIGNALS and cosine > 0:
                values[ad, place[category], SIGNALS.index(signal)] = cosine
    own = [
        place.get(name, -1) if bad else -1 for name, bad in zip(category_of, violating, strict=True)
    ]
    same = values[:, :, [SIGNALS.index("image"), SIGNALS.index("text")]]
    return Scores(
        values,
        np.array(violating, dtype=bool),
        np.array(own, dtype=np.int64),
        tuple(categories),
        np.asarray((same >= near_duplicate).any(axis=(1, 2))),
    )
