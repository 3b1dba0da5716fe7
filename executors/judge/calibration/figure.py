"""The reliability diagram: how often it was a violation, by how probable it was called."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from executors.judge.calibration.fitting import ERROR, Calibration, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BEFORE, _AFTER, _INK = "#c2571a", "#2456c8", "#5b6472"


def reliability_png(calibration: Calibration) -> bytes:
    """Two panels, before and after, on held-out ads; a dot's area is its number of ads.

    Raises `ImportError` without matplotlib.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure = Figure(figsize=(8.4, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        _panel(left, calibration.before, "before", _BEFORE)
        _panel(right, calibration.after, "after", _AFTER)
        figure.supxlabel("probability of a violation, as the judge says it")
        figure.supylabel("share that are violations")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, facecolor="white")
        return buffer.getvalue()


def _panel(axes: Axes, part: Part, name: str, colour: str) -> None:
    total = sum(one.count for one in part.bins)
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="--")
    said = [one.probability for one in part.bins]
    share = [one.share for one in part.bins]
    axes.vlines(said, said, share, color=colour, alpha=0.5, linewidth=1.2)
    axes.plot(said, share, color=colour, linewidth=1.2)
    axes.scatter(
        said, share, s=[20 + 900 * one.count / total for one in part.bins], color=colour, alpha=0.75
    )
    for one in part.bins:
        below = one.share > 0.5
        axes.annotate(
            f"{one.count:,}",
            (one.probability, one.share),
            xytext=(0, -16 if below else 12),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=_INK,
        )
    error = part.figures[ERROR].value
    axes.set_title(
        f"{name}: temperature {part.temperature:.3g}, error {error:.3f}", fontsize=10, loc="left"
    )
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.1, 1.1)
    axes.grid(color="#e1e5eb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
