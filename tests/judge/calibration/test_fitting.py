"""A calibration of made-up logits, and its report."""

import json

import numpy as np
import pytest

from executors.judge.calibration.figure import reliability_png
from executors.judge.calibration.fitting import ERROR, LEAN, LOSS, calibrated
from executors.judge.calibration.judging import Judged
from executors.judge.calibration.report import report_html, warnings_of
from executors.judge.calibration.temperature import probabilities


def _judged(count: int, hotter: float = 3.0, lean: float = 0.0, seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, count)
    truth = rng.random(count) < probabilities(honest, 1.0)
    groups = [str(n // 2) for n in range(count)]
    return Judged((hotter * (honest + lean)).tolist(), truth.tolist(), groups)


def test_ads_held_out_are_better_calibrated_than_before() -> None:
    found = calibrated(_judged(2_000), present=1.0)
    assert found.after.temperature == pytest.approx(3.0, rel=0.15)
    assert found.fitted_on + found.violations + found.compliant == 2_000
    before, after = found.before.figures, found.after.figures
    assert after[ERROR].high < before[ERROR].low
    assert after[LOSS].value < before[LOSS].value
    assert found.helps
    assert sum(one.count for one in found.after.bins) == found.violations + found.compliant
    assert not warnings_of(found)


def test_figures_are_of_ads_that_were_not_fitted_on() -> None:
    judged = _judged(1_000)
    whole = np.array(judged.logits)
    found = calibrated(judged, present=1.0)
    swapped = calibrated(judged, present=found.after.temperature)
    assert swapped.before.figures == found.after.figures
    assert found.violations + found.compliant < len(whole)


def test_ads_without_an_error_leave_the_temperature_as_it_is() -> None:
    truth = [n % 2 == 0 for n in range(400)]
    judged = Judged([4.0 if bad else -4.0 for bad in truth], truth, list(map(str, range(400))))
    found = calibrated(judged, present=1.7)
    assert (found.after.temperature, found.fitted.separable) == (1.7, True)
    assert "stays as it is" in warnings_of(found)[0]


def test_a_temperature_that_is_no_better_on_held_out_ads_does_not_help() -> None:
    judged = _judged(2_000, hotter=1.0)
    found = next(
        one
        for seed in range(20)
        if (one := calibrated(judged, present=1.0, seed=seed)).after.figures[LOSS].value
        >= one.before.figures[LOSS].value
    )
    assert not found.helps
    assert "the temperature in force is as good" in warnings_of(found)[0]


def test_a_judge_that_leans_is_told_that_no_temperature_mends_it() -> None:
    found = calibrated(_judged(2_000, lean=-2.0), present=1.0)
    assert found.after.figures[LEAN].high < -0.1
    assert any("too low" in said for said in warnings_of(found))


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (_judged(80), "at least 50 violations and 50 compliant"),
        (Judged([1.0] * 300, [True] * 300, list(map(str, range(300)))), "300 and 0"),
        (Judged([1.0, -1.0] * 100, [True, False] * 100, ["one"] * 200), "too few groups"),
    ],
)
def test_what_cannot_be_calibrated_on_is_one_sentence(judged: Judged, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        calibrated(judged, present=1.0)
    assert "\n" not in str(error.value)


def test_the_report_holds_figures_curve_and_warnings() -> None:
    found = calibrated(_judged(400, lean=-2.0), present=1.0)
    curve = reliability_png(found)
    assert curve.startswith(b"\x89PNG")
    page = report_html(
        found,
        curve,
        model="ours<b>",
        version="v1",
        labelled="ads.csv",
        written="Nothing was written.",
        warnings=warnings_of(found),
    )
    for said in ("ours&lt;b&gt;", "Nothing was written", "too low", "data:image/png", ERROR):
        assert said in page
    assert f"{found.after.figures[ERROR].value:.4f}" in page
    assert json.loads(found.as_json())["after"]["figures"][LOSS]["value"] > 0
