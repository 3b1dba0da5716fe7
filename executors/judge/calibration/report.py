"""report.html of a calibration of the judge: one file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from executors.judge.calibration.fitting import ERROR, LEAN, Calibration

_LEANS = 0.05


def report_html(
    found: Calibration,
    curve: bytes,
    *,
    model: str,
    version: str,
    labelled: str,
    written: str,
    warnings: Sequence[str],
) -> str:
    """The page. `written` says what became of the temperature. Raises `ImportError` without
    jinja2."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    packages = ("executors.judge.calibration", "adjudicate.calibration")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, ".") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        found=found,
        error=found.after.figures[ERROR],
        error_now=found.before.figures[ERROR],
        curve=base64.b64encode(curve).decode("ascii"),
        model=model,
        version=version,
        labelled=labelled,
        written=written,
        warnings=warnings,
    )


def warnings_of(found: Calibration) -> list[str]:
    """What whoever reads the figures should know first."""
    said = []
    if found.fitted.separable:
        said.append(
            "Every ad that was fitted on lies on its own side: such ads cannot say how sure is too "
            "sure, and the temperature stays as it is. Label ads that the judge gets wrong."
        )
    elif not found.helps:
        said.append(
            "The log loss on held-out ads grew: the temperature in force is as good on them."
        )
    lean = found.after.figures[LEAN]
    if min(abs(lean.low), abs(lean.high)) > _LEANS and lean.low * lean.high > 0:
        side = "too low" if lean.value < 0 else "too high"
        said.append(
            f"On these ads the judge's probabilities are {side} by {abs(lean.value):.2f} on the "
            "whole, which no temperature mends: set the shares that approve and reject by it, or "
            "train the model on such ads."
        )
    return said
