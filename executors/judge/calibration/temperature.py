"""The temperature by which the verdict's logit is divided: Guo et al. 2017, arXiv 1706.04599."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from executors.judge.calibration.measures import Numbers, Truth

COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Fitted:
    """The temperature of the greatest likelihood."""

    temperature: float
    separable: bool
    """Every ad lies on its own side of 0: then the likelihood only grows with sharper verdicts,
    and the temperature is the least that was allowed, not one that the ads speak for."""


def probabilities(logits: NDArray[np.floating], temperature: float) -> Numbers:
    """Return the sigmoid of `logits` `[N]` over `temperature`."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    return np.asarray(0.5 * (1 + np.tanh(scaled / 2)))


def negative_log_likelihood(
    logits: NDArray[np.floating], truth: Truth, temperature: float
) -> float:
    """Return the mean over `logits` `[N]`, the log odds of a violation, in nats."""
    signed = np.where(truth, logits, -logits) / temperature
    return float(np.logaddexp(0.0, -signed).mean())


def fit_temperature(
    logits: NDArray[np.floating], truth: Truth, *, least: float = COLDEST, most: float = HOTTEST
) -> Fitted:
    """Return the most likely temperature of `logits` `[N]` between `least` and `most`.

    The loss is convex in the inverse temperature, so that its slope, which only rises, has at most
    one zero: it is found by bisection. Raises `ValueError` unless both classes are there.
    """
    if not len(truth) or truth.all() or not truth.any():
        raise ValueError("a temperature takes both violations and compliant ads")
    signed = np.where(truth, logits, -logits).astype(np.float64)

    def slope(inverse: float) -> float:
        return float(-(signed * 0.5 * (1 - np.tanh(inverse * signed / 2))).mean())

    low, high = 1 / most, 1 / least
    if slope(high) <= 0:
        return Fitted(least, bool((signed > 0).all()))
    if slope(low) >= 0:
        return Fitted(most, False)
    while high - low > 1e-9 * high:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return Fitted(1 / math.sqrt(low * high), False)
