"""A calibration: the temperature fitted on one part, and what it does on the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from executors.judge.calibration.judging import Judged
from executors.judge.calibration.measures import (
    BINS,
    Bin,
    Interval,
    Numbers,
    Truth,
    bootstrapped,
    brier_score,
    expected_calibration_error,
    reliability,
)
from executors.judge.calibration.split import held_out
from executors.judge.calibration.temperature import (
    COLDEST,
    Fitted,
    fit_temperature,
    probabilities,
)

LEAST = 50
"""Violations, and compliant ads, that a calibration takes."""

ERROR, LOSS = "expected calibration error", "log loss, nats"
LEAN = "mean probability less share"
"""Of violations: a judge that leans to one side is too sure there, and too unsure on the other."""

_MEASURES: dict[str, Callable[[Numbers, Truth], float]] = {
    ERROR: expected_calibration_error,
    "the same, bins of equal mass": lambda said, truth: expected_calibration_error(
        said, truth, BINS, "mass"
    ),
    "Brier score": brier_score,
    LOSS: lambda said, truth: _log_loss(said, truth),
    LEAN: lambda said, truth: float(said.mean() - truth.mean()),
}


@dataclass(frozen=True)
class Part:
    """What the judge's probabilities are worth at one temperature, on ads held out."""

    temperature: float
    figures: dict[str, Interval]
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Calibration:
    """Before and after, on the same ads, none of which the temperature was fitted on."""

    fitted: Fitted
    fitted_on: int
    violations: int
    """Of those held out; the rest is compliant."""
    compliant: int
    confidence: float
    before: Part
    after: Part

    @property
    def helps(self) -> bool:
        """Whether the held-out ads are likelier than they were with the present temperature."""
        return self.after.figures[LOSS].value < self.before.figures[LOSS].value

    def as_json(self) -> str:
        """All figures."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)


def calibrated(
    judged: Judged,
    present: float,
    *,
    share: float = 0.5,
    confidence: float = 0.95,
    least: float = COLDEST,
    seed: int = 0,
) -> Calibration:
    """Fit a temperature on part of the ads and measure it on the `share` that is held out.

    It is at least `least`, and stays as it is, `present`, where every ad that is fitted on lies on
    its own side: such ads cannot say how sure is too sure. Raises `ValueError` with one sentence
    for ads that are too few, or all of one class.
    """
    logits, truth = judged.arrays()
    _refuse_too_few(int(truth.sum()), int((~truth).sum()))
    out = held_out(judged.groups, truth, share, seed)
    if not all(_both(truth[part]) for part in (out, ~out)):
        raise ValueError(
            "The ads form too few groups to hold some out: both parts need violations and "
            "compliant ads that share neither picture, copy nor group with the other part."
        )
    fitted = fit_temperature(logits[~out], truth[~out], least=least)
    if fitted.separable:
        fitted = Fitted(max(present, least), separable=True)
    groups = [group for group, kept in zip(judged.groups, out, strict=True) if kept]

    def part(temperature: float) -> Part:
        said = probabilities(logits[out], temperature)
        figures = {
            name: bootstrapped(
                measure, said, truth[out], groups=groups, confidence=confidence, seed=seed
            )
            for name, measure in _MEASURES.items()
        }
        return Part(temperature, figures, tuple(reliability(said, truth[out])))

    violations = int(truth[out].sum())
    return Calibration(
        fitted=fitted,
        fitted_on=int((~out).sum()),
        violations=violations,
        compliant=int(out.sum()) - violations,
        confidence=confidence,
        before=part(present),
        after=part(fitted.temperature),
    )


def _refuse_too_few(violations: int, compliant: int) -> None:
    if violations < LEAST or compliant < LEAST:
        raise ValueError(
            f"A calibration takes at least {LEAST} violations and {LEAST} compliant ads; there are "
            f"{violations} and {compliant} that can be used."
        )


def _both(truth: Truth) -> bool:
    return bool(truth.any() and not truth.all())


def _log_loss(said: Numbers, truth: Truth) -> float:
    right = np.clip(np.where(truth, said, 1 - said), 1e-12, 1.0)
    return float(-np.log(right).mean())
