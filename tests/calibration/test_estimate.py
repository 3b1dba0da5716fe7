"""What thresholds are said to promise: exact bounds, and folds that keep the promise honest."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from adjudicate.calibration.choose import choose
from adjudicate.calibration.estimate import (
    clopper_pearson,
    cross_validated,
    curve,
    dealt,
    examples_for,
    measured,
    point,
)
from adjudicate.calibration.scores import OFF, Scores, gathered
from tests.calibration.made import off, pairs, random_scores, scores


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Of the tables of Clopper and Pearson's interval, both sides at 95 %.
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (5, 10, 0.1871, 0.8129),
        (95, 100, 0.8872, 0.9836),
    ],
)
def test_the_interval_is_that_of_the_tables(
    count: int, total: int, low: float, high: float
) -> None:
    share = clopper_pearson(count, total, 0.95)
    assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)
    assert share.value == count / total


def test_the_interval_of_nothing_is_everything() -> None:
    share = clopper_pearson(0, 0, 0.95)
    assert (share.low, share.high) == (0.0, 1.0)
    assert math.isnan(share.value)


@pytest.mark.parametrize("true", [0.02, 0.5, 0.9, 0.97])
def test_the_interval_covers_the_truth_as_often_as_it_says(true: float) -> None:
    covered = 0.0
    for count in range(41):
        share = clopper_pearson(count, 40, 0.9)
        covered += float(binom.pmf(count, 40, true)) * (share.low <= true <= share.high)
    assert covered >= 0.9


@pytest.mark.parametrize(("recall", "confidence"), [(0.97, 0.95), (0.9, 0.95), (0.99, 0.8)])
def test_as_many_examples_as_said_are_just_enough(recall: float, confidence: float) -> None:
    count = examples_for(recall, confidence)
    assert clopper_pearson(count, count, confidence).low >= recall
    assert clopper_pearson(count - 1, count - 1, confidence).low < recall


def test_a_fold_has_its_part_of_everything_and_groups_stay_together() -> None:
    ads = random_scores(1, ads=200)
    groups = [f"g{ad // 2}" for ad in range(200)]
    folds = list(dealt(ads, groups, 5, seed=0))
    assert np.sum(folds, axis=0).tolist() == [1] * 200
    for fold in folds:
        assert [fold[ad] == fold[ad + 1] for ad in range(0, 200, 2)] == [True] * 100
    alone = list(dealt(ads, [str(ad) for ad in range(200)], 5, seed=0))
    for category in (-1, 0, 1, 2):
        members = ads.compliant if category == -1 else ads.of(category)
        sizes = [int((fold & members).sum()) for fold in alone]
        assert max(sizes) - min(sizes) <= 1


def test_the_fitted_share_flatters_and_the_held_out_one_does_not() -> None:
    fitted, held_out, true = [], [], []
    for seed in range(12):
        ads = random_scores(seed, ads=150, apart=0.3)
        chosen = choose(ads, off(3), pairs(0, 1, 2), 0.9)
        fitted.append(measured(ads, chosen, 0.95).false_positives.value)
        names = [str(ad) for ad in range(len(ads))]
        estimate = cross_validated(ads, off(3), pairs(0, 1, 2), 0.9, 0.95, groups=names)
        held_out.append(estimate.false_positives.value)
        fresh = random_scores(1_000 + seed, ads=4_000, apart=0.3)
        true.append(measured(fresh, chosen, 0.95).false_positives.value)
    assert np.mean(fitted) < np.mean(true) - 0.01, "or there is nothing to correct"
    assert abs(np.mean(held_out) - np.mean(true)) < abs(np.mean(fitted) - np.mean(true))


def test_a_curve_counts_its_category_against_all_compliant_ads() -> None:
    rows = [(0, [[0.9], [0.1]]), (0, [[0.5], [0.1]]), (1, [[0.8], [0.9]]), (None, [[0.6], [0.2]])]
    levels, precision, recall = curve(scores(rows, 2), 0, 0)
    assert levels.tolist() == [0.9, 0.6, 0.5]
    assert precision.tolist() == pytest.approx([1, 0.5, 2 / 3])
    assert recall.tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert point(scores(rows, 2), 0, 0, 0.55) == pytest.approx((0.5, 0.5))
    assert point(scores(rows, 2), 0, 0, OFF) is None


def test_rows_become_scores_and_near_duplicates_are_caught_anyway() -> None:
    made = gathered(
        [
            {("cure", "image"): 0.98, ("cure", "image-text"): 0.3},
            {("cure", "text"): 0.5, ("other", "text"): -0.1},
            {("cure", "image-text"): 0.99},
        ],
        [True, True, False],
        ["cure", "unheard-of", "cure"],
        ["cure", "other"],
        near_duplicate=0.97,
    )
    assert made.own.tolist() == [0, -1, -1]
    assert made.always.tolist() == [True, False, False]
    assert made.similarity[1, 0].tolist() == [-np.inf, 0.5, -np.inf]
    assert np.isneginf(made.similarity[1, 1]).all()
    assert isinstance(made, Scores)
    assert made.caught(off(2)).tolist() == [True, False, False]
