"""How sure a share is that was seen in a sample.

The interval is that of Clopper and Pearson ("The use of confidence or fiducial limits illustrated
in the case of the binomial", Biometrika 26, 1934): exact, so it holds the true share at least as
often as it says, however few were seen. Wilson's is shorter on average, and for rare events it
is too short: the shares here are of rare misses, and their upper bound is what people rely on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Interval(NamedTuple):
    """A share with its bounds. Of nothing: NaN, 0 and 1."""

    value: float
    low: float
    high: float


class Stratum(NamedTuple):
    """A part of all ads, of which a sample was looked at."""

    ads: int
    sampled: int
    found: int
    """Of those sampled."""


def clopper_pearson(count: float, total: float, confidence: float) -> Interval:
    """`count` of `total`, both sides of the interval together at `confidence`."""
    from scipy.special import betaincinv  # only who asks for quality needs it

    if total <= 0:
        return Interval(math.nan, 0.0, 1.0)
    rest = (1 - confidence) / 2
    low = float(betaincinv(count, total - count + 1, rest)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - rest)) if count < total else 1.0
    return Interval(count / total, low, high)


def stratified(strata: Iterable[Stratum], confidence: float) -> Interval:
    """The share in all ads, where each stratum was sampled at a share of its own.

    A sampled ad stands for ads / sampled of its stratum. The interval is Clopper's and Pearson's at
    the effective sample size (Kish): Korn and Graubard, "Confidence intervals for proportions with
    small expected number of positive counts estimated from survey data", Survey Methodology 24
    (1998). With one stratum it is the plain one. A stratum without a sample says nothing.
    """
    looked_at = [one for one in strata if one.sampled and one.ads]
    ads = sum(one.ads for one in looked_at)
    if not ads:
        return Interval(math.nan, 0.0, 1.0)
    value = sum(one.ads * one.found / one.sampled for one in looked_at) / ads
    effective = ads**2 / sum(one.ads**2 / one.sampled for one in looked_at)
    return clopper_pearson(value * effective, effective, confidence)
