"""Calibration error, Brier score and their intervals."""

import numpy as np
import pytest

from executors.judge.calibration.measures import (
    bootstrapped,
    brier_score,
    expected_calibration_error,
    reliability,
)

SAID = [0.05, 0.05, 0.35, 0.35, 0.95, 0.95]
TRUE = [False, False, True, False, True, True]


def test_the_error_is_the_mean_distance_of_bins_from_the_diagonal() -> None:
    by_hand = (2 * 0.05 + 2 * abs(0.5 - 0.35) + 2 * 0.05) / 6
    assert expected_calibration_error(SAID, TRUE) == pytest.approx(by_hand)


def test_a_sure_wrong_judge_errs_by_one_and_a_sure_right_one_by_nothing() -> None:
    assert expected_calibration_error([1.0, 0.0], [False, True]) == 1.0
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0.0


def test_bins_of_equal_mass_hold_as_many_ads_each() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(1_500) ** 4
    bins = reliability(said, rng.random(1_500) < said, binning="mass")
    assert [one.count for one in bins] == [100] * 15
    assert len(reliability(said, said > 0.5)) == 15
    assert [one.probability for one in bins] == sorted(one.probability for one in bins)


def test_a_probability_that_keeps_its_promise_has_a_small_error() -> None:
    rng = np.random.default_rng(1)
    said = rng.random(50_000)
    truth = rng.random(50_000) < said
    for binning in ("width", "mass"):
        assert expected_calibration_error(said, truth, binning=binning) < 0.01
        assert expected_calibration_error(said**3, truth, binning=binning) > 0.1


def test_the_brier_score_is_the_mean_square() -> None:
    assert brier_score([0.5, 1.0], [True, False]) == pytest.approx((0.25 + 1) / 2)


@pytest.mark.parametrize(
    ("said", "truth"), [([], []), ([0.5], [True, False]), ([1.5], [True]), ([float("nan")], [True])]
)
def test_what_is_no_probability_is_refused(said: list[float], truth: list[bool]) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        expected_calibration_error(said, truth)


def test_the_interval_holds_the_figure_and_narrows_with_more_ads() -> None:
    rng = np.random.default_rng(2)
    said = rng.random(2_000)
    truth = rng.random(2_000) < said
    few = bootstrapped(brier_score, said[:100], truth[:100], rounds=300)
    many = bootstrapped(brier_score, said, truth, rounds=300)
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_ads_of_a_group_are_drawn_together() -> None:
    rng = np.random.default_rng(3)
    said = np.repeat(rng.random(40), 25)
    truth = np.repeat(rng.random(40) < 0.5, 25)
    groups = [str(n // 25) for n in range(1_000)]
    alone = bootstrapped(brier_score, said, truth, rounds=300)
    together = bootstrapped(brier_score, said, truth, groups=groups, rounds=300)
    assert together.high - together.low > 3 * (alone.high - alone.low)
