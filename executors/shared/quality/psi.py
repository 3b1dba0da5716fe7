"""The population stability index: how far a distribution has moved from a reference.

    PSI = Σ (q − p) · ln(q / p)        over bins with the shares p (reference) and q (now)

It is the symmetric divergence of Jeffreys (Kullback and Leibler, "On Information and Sufficiency",
1951). The bins are deciles of the reference, and the rule of thumb is that of credit scoring:
below 0.1 nothing to see, from 0.25 on another population (Siddiqi, "Credit Risk Scorecards", 2006).

Without any drift it is not 0 but about (1/N + 1/M) · χ² with B − 1 degrees of freedom, for samples
of N and M and B bins (Yurdakul and Naranjo, "Statistical properties of the population stability
index", Journal of Risk Model Validation, 2020). So a small sample needs a larger value to mean
anything: `critical` says which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import DriftState

BINS = 10
MODERATE, MAJOR = 0.1, 0.25
FALSE_ALARM = 0.01
"""Chance that a PSI reaches its critical value although nothing has moved."""
STEP = 1e-6
"""Values that differ by less are the same."""
_UNSEEN = 0.5
"""Added to each bin's count (the prior of Jeffreys), so that an empty one is not infinitely far."""


def edges_of(values: NDArray[np.float64], bins: int = BINS) -> NDArray[np.float64]:
    """The inner edges, `bins` at most, that part the values into bins of equal share.

    Equal values are never parted, so there may be fewer. Where the highest value is one of many
    that are equal, what is higher has a bin of its own. Raises `ValueError` for no values.
    """
    if not len(values):
        raise ValueError("no values to part into bins")
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    highest = values.max()
    return np.append(edges, highest + STEP) if edges[-1] >= highest else edges


def counts_in(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """`[len(edges) + 1]`: how many values lie in each bin; an edge belongs to the bin above it."""
    places = np.searchsorted(edges, values, side="right")
    return np.bincount(places, minlength=len(edges) + 1)


def psi(reference: Sequence[int] | NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Of the counts of the same bins in both samples."""
    before = np.asarray(reference, np.float64) + _UNSEEN
    after = now.astype(np.float64) + _UNSEEN
    p, q = before / before.sum(), after / after.sum()
    return float(((q - p) * np.log(q / p)).sum())


def critical(bins: int, reference: int, now: int, looks: int = 1) -> float:
    """The PSI that samples of these sizes reach by chance once in 1 / `FALSE_ALARM` times.

    `looks`: of how many indexes the largest is taken; each then has its part of the chance
    (Bonferroni).
    """
    from scipy.special import chdtri  # only who asks for drift needs it

    if bins < 2 or not reference or not now:
        return 0.0
    return float((1 / reference + 1 / now) * chdtri(bins - 1, FALSE_ALARM / looks))


def state_of(value: float, least: float) -> DriftState:
    """What a PSI means, given its critical value: chance alone is not drift."""
    if value < max(MODERATE, least):
        return "stable"
    return "major" if value >= MAJOR else "moderate"
