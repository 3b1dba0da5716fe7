"""How far probabilities are from what they promise. No torch here: benchmarks use it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
"""As Guo et al. 2017 (arXiv 1706.04599)."""

Binning = Literal["width", "mass"]
"""Bins of equal width, or of as many ads each (Nixon et al. 2019, arXiv 1904.01685)."""

Numbers = NDArray[np.float64]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """The ads whose probability lies between two edges."""

    count: int
    probability: float
    """Mean of what was said."""
    share: float
    """Of them, how many are violations."""


def reliability(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS, binning: Binning = "width"
) -> list[Bin]:
    """Return the bins that hold an ad, from the lowest probability to the highest.

    `probabilities` `[N]` of a violation, 0 to 1; `labels` `[N]`, true for a violation. Raises
    `ValueError` for none, for others, or for as many labels as there are not.
    """
    sums = _sums(*_checked(probabilities, labels), bins, binning)
    return [
        Bin(int(count), float(total / count), float(bad / count))
        for count, total, bad in zip(*sums, strict=True)
        if count
    ]


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS, binning: Binning = "width"
) -> float:
    """Return the mean over the ads of |share − probability| of their bin, 0 to 1.

    Naeini et al. 2015, of the probability of a violation rather than of the likelier class. Raises
    as `reliability`.
    """
    said, truth = _checked(probabilities, labels)
    _, total, bad = _sums(said, truth, bins, binning)
    return float(np.abs(bad - total).sum() / len(said))


def brier_score(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean squared difference of probability and truth. Raises as `reliability`."""
    said, truth = _checked(probabilities, labels)
    return float(((said - truth) ** 2).mean())


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds of a bootstrap around it."""

    value: float
    low: float
    high: float


def bootstrapped(
    measure: Callable[[Numbers, Truth], float],
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    groups: Sequence[str] = (),
    confidence: float = 0.95,
    rounds: int = 1_000,
    seed: int = 0,
) -> Interval:
    """Return `measure` with its percentile bootstrap (Efron 1979).

    Where `groups` are given they are drawn as a whole: ads of one group are alike. An expected
    calibration error is never below 0 and grows when ads repeat, so its interval lies high.
    """
    said, truth = _checked(probabilities, labels)
    names = np.unique(np.asarray(groups or range(len(said))), return_inverse=True)[1]
    members = [np.flatnonzero(names == name) for name in range(names.max() + 1)]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(rounds):
        picked = rng.integers(0, len(members), len(members))
        ads = np.concatenate([members[place] for place in picked])
        drawn.append(measure(said[ads], truth[ads]))
    rest = (1 - confidence) / 2
    low, high = np.quantile(drawn, [rest, 1 - rest])
    return Interval(measure(said, truth), float(low), float(high))


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Numbers, Truth]:
    said = np.asarray(probabilities, dtype=np.float64).ravel()
    truth = np.asarray(labels).astype(bool).ravel()
    if not len(said) or len(said) != len(truth):
        raise ValueError(f"{len(said)} probabilities and {len(truth)} labels")
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("a probability is not between 0 and 1")
    return said, truth


def _sums(said: Numbers, truth: Truth, bins: int, binning: Binning) -> tuple[Numbers, ...]:
    """Ads, summed probabilities and violations of each bin, `[bins]` each."""
    if binning == "mass":
        place = np.empty(len(said), dtype=np.int64)
        place[np.argsort(said, kind="stable")] = np.arange(len(said)) * bins // len(said)
    else:
        place = np.minimum((said * bins).astype(np.int64), bins - 1)
    weights = (np.ones(len(said)), said, truth)
    return tuple(np.bincount(place, each, bins).astype(np.float64) for each in weights)
