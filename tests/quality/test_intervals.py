"""Intervals against scipy's own, and against what they promise."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from executors.shared.quality.intervals import Stratum, clopper_pearson, stratified


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 400), (7, 7), (30, 1_000)])
def test_it_is_the_exact_interval(count: int, total: int) -> None:
    found = clopper_pearson(count, total, 0.95)
    theirs = binomtest(count, total).proportion_ci(0.95, method="exact")
    assert found.value == count / total
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.2])
def test_it_holds_the_truth_as_often_as_it_says(rate: float) -> None:
    counts = np.arange(201)
    bounds = [clopper_pearson(int(count), 200, 0.95) for count in counts]
    held = np.array([found.low <= rate <= found.high for found in bounds])
    assert binom.pmf(counts, 200, rate)[held].sum() >= 0.95


def test_nothing_says_nothing() -> None:
    found = clopper_pearson(0, 0, 0.95)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    assert stratified([Stratum(1_000, 0, 0)], 0.95)[1:] == (0.0, 1.0)


def test_one_stratum_is_the_plain_interval() -> None:
    assert stratified([Stratum(10_000, 100, 3)], 0.95) == pytest.approx(
        clopper_pearson(3, 100, 0.95)
    )


def test_each_sampled_ad_stands_for_those_of_its_share() -> None:
    # Half of the ads were audited at 10 %, half at 1 %; misses are in the first half alone.
    found = stratified([Stratum(1_000, 100, 10), Stratum(1_000, 10, 0)], 0.95)
    assert found.value == pytest.approx(0.05)
    assert found.low < 0.05 < found.high
    pooled = clopper_pearson(10, 110, 0.95)
    assert found.high - found.low > pooled.high - pooled.low, "unequal weights know less"


def test_a_stratum_that_was_not_sampled_has_no_part() -> None:
    alone = stratified([Stratum(500, 50, 5)], 0.95)
    assert stratified([Stratum(500, 50, 5), Stratum(9_000, 0, 0)], 0.95) == alone
