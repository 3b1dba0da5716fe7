"""What thresholds promise of ads that they were not chosen on, with bounds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adjudicate.calibration.choose import Pair, choose
from adjudicate.calibration.scores import OFF, Mask, Scores, Thresholds

FOLDS = 5


@dataclass(frozen=True)
class Share:
    """`count` of `total`, with the bounds of the share behind it."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share seen; NaN of nothing."""
        return self.count / self.total if self.total else math.nan


@dataclass(frozen=True)
class Estimate:
    """What a choice of thresholds does, all shares with their bounds."""

    recall: Share
    """Violations that any signal of any category catches."""
    false_positives: Share
    """Compliant ads that are flagged."""
    by_category: tuple[Share, ...]
    """The recall of each category's violations."""
    flagged_by_category: tuple[Share, ...]
    """Compliant ads that this category's thresholds flag: what they cost."""


def clopper_pearson(count: int, total: int, confidence: float) -> Share:
    """The exact interval of a binomial share, both sides together at `confidence`.

    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934). Of nothing it is 0 to 1.
    """
    from scipy.stats import beta  # not every client has it

    rest = (1 - confidence) / 2
    low = float(beta.ppf(rest, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - rest, count + 1, total - count)) if count < total else 1.0
    return Share(count, total, low, high)


def examples_for(recall: float, confidence: float) -> int:
    """How many violations it takes for the lower bound to reach `recall` if none is missed.

    With no miss the lower bound of n is (rest)^(1/n), rest = (1 − confidence) / 2.
    """
    return math.ceil(math.log((1 - confidence) / 2) / math.log(recall) - 1e-9)


def measured(scores: Scores, thresholds: Thresholds, confidence: float) -> Estimate:
    """What thresholds that were not chosen on these ads do on them."""
    fires = scores.similarity >= thresholds
    by_category = np.asarray(fires.any(axis=2))
    return _estimate(scores, scores.caught(thresholds), by_category, confidence)


def cross_validated(
    scores: Scores,
    present: Thresholds,
    chosen: Collection[Pair],
    recall: float,
    confidence: float,
    *,
    groups: Sequence[str],
    folds: int = FOLDS,
    seed: int = 0,
) -> Estimate:
    """What thresholds chosen in this way do on ads that they were not chosen on.

    The ads are dealt into `folds`; each fold is screened with thresholds chosen on the others, and
    the counts of all folds are added up. Ads of one group stay in one fold. The folds share most of
    the ads that they were chosen on, so the bounds are a little tighter than exact ones.
    """
    caught = np.zeros(len(scores), dtype=bool)
    fires = np.zeros((len(scores), len(scores.categories)), dtype=bool)
    for held_out in dealt(scores, groups, folds, seed):
        if not held_out.any():
            continue
        thresholds = choose(scores.taken(~held_out), present, chosen, recall)
        these = scores.taken(held_out)
        caught[held_out] = these.caught(thresholds)
        fires[held_out] = (these.similarity >= thresholds).any(axis=2)
    return _estimate(scores, caught, fires, confidence)


def dealt(scores: Scores, groups: Sequence[str], folds: int, seed: int) -> Iterator[Mask]:
    """`[N]` per fold: groups in random order, dealt in turn within each category, so that each
    fold has its part of every category and of the compliant ads."""
    members: dict[str, list[int]] = {}
    for ad, group in enumerate(groups):
        members.setdefault(group, []).append(ad)
    order = np.random.default_rng(seed).permutation(len(members))
    kinds: dict[tuple[bool, int], list[list[int]]] = {}
    shuffled = list(members.values())
    for at in order:
        first = shuffled[at][0]
        kind = bool(scores.violating[first]), int(scores.own[first])
        kinds.setdefault(kind, []).append(shuffled[at])
    fold_of = np.zeros(len(scores), dtype=np.int64)
    turn = 0
    for same in kinds.values():
        for ads in same:
            fold_of[ads] = turn % folds
            turn += 1
    for fold in range(folds):
        yield fold_of == fold


def curve(scores: Scores, category: int, signal: int) -> tuple[Thresholds, Thresholds, Thresholds]:
    """One signal alone, its category's violations against all compliant ads: at each threshold
    `[T]`, from the highest down, precision `[T]` and recall `[T]`."""
    ads = scores.of(category) | scores.compliant
    values = scores.similarity[ads, category, signal]
    wanted = scores.violating[ads]
    levels = np.unique(values[np.isfinite(values)])[::-1]
    caught = _reaching(values[wanted], levels)
    flagged = caught + _reaching(values[~wanted], levels)
    return levels, caught / np.maximum(flagged, 1), caught / max(int(wanted.sum()), 1)


def point(
    scores: Scores, category: int, signal: int, threshold: float
) -> tuple[float, float] | None:
    """Precision and recall of one signal alone at its threshold; None where it flags nothing."""
    ads = scores.of(category) | scores.compliant
    fires = scores.similarity[ads, category, signal] >= threshold
    if threshold == OFF or not fires.any():
        return None
    right = int((fires & scores.violating[ads]).sum())
    return right / int(fires.sum()), right / max(int(scores.of(category).sum()), 1)


def _reaching(values: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    reaching = len(values) - np.searchsorted(np.sort(values), levels, side="left")
    return reaching.astype(np.float64)


def _estimate(scores: Scores, caught: Mask, fires: Mask, confidence: float) -> Estimate:
    def share(hit: Mask, among: Mask) -> Share:
        return clopper_pearson(int((hit & among).sum()), int(among.sum()), confidence)

    places = range(len(scores.categories))
    return Estimate(
        share(caught, scores.violating),
        share(caught, scores.compliant),
        tuple(share(caught, scores.of(at)) for at in places),
        tuple(share(fires[:, at], scores.compliant) for at in places),
    )
