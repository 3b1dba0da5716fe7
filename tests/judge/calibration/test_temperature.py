"""The temperature of the greatest likelihood."""

import numpy as np
import pytest

from executors.judge.calibration.measures import expected_calibration_error
from executors.judge.calibration.temperature import (
    fit_temperature,
    negative_log_likelihood,
    probabilities,
)


def _drawn(count: int, hotter: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `hotter` times as sure as the truth behind them."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, count)
    truth = rng.random(count) < probabilities(honest, 1.0)
    return honest * hotter, truth


@pytest.mark.parametrize("hotter", [0.4, 1.0, 3.0])
def test_an_exaggeration_of_known_size_is_found(hotter: float) -> None:
    logits, truth = _drawn(20_000, hotter)
    fitted = fit_temperature(logits, truth)
    assert fitted.temperature == pytest.approx(hotter, rel=0.05)
    assert not fitted.separable


def test_no_temperature_beside_it_is_likelier() -> None:
    logits, truth = _drawn(500, 2.5)
    found = fit_temperature(logits, truth).temperature
    best = negative_log_likelihood(logits, truth, found)
    for factor in (0.7, 0.99, 1.01, 1.4):
        assert best < negative_log_likelihood(logits, truth, found * factor)


def test_held_out_ads_are_better_calibrated_with_it_and_keep_their_order() -> None:
    logits, truth = _drawn(4_000, 4.0)
    found = fit_temperature(logits[:2_000], truth[:2_000]).temperature
    before = probabilities(logits[2_000:], 1.0)
    after = probabilities(logits[2_000:], found)
    assert expected_calibration_error(before, truth[2_000:]) > 0.1
    assert expected_calibration_error(after, truth[2_000:]) < 0.05
    assert (np.argsort(before, kind="stable") == np.argsort(after, kind="stable")).all()


def test_ads_without_an_error_say_nothing_about_the_temperature() -> None:
    logits, truth = np.array([-3.0, -1.0, 2.0, 5.0]), np.array([False, False, True, True])
    fitted = fit_temperature(logits, truth, least=1.0)
    assert (fitted.temperature, fitted.separable) == (1.0, True)


def test_a_judge_that_guesses_is_made_as_unsure_as_allowed() -> None:
    logits, truth = np.array([-3.0, 3.0, 4.0]), np.array([True, False, True])
    assert fit_temperature(logits, truth, most=20.0).temperature == 20.0


def test_sharper_is_no_error_but_the_least_is_kept() -> None:
    logits, truth = _drawn(2_000, 0.3)
    fitted = fit_temperature(logits, truth, least=1.0)
    assert (fitted.temperature, fitted.separable) == (1.0, False)


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both"):
        fit_temperature(np.array([1.0, 2.0]), np.array([True, True]))
