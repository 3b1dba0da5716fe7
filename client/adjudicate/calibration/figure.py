"""Precision and recall of every category and signal, as a picture."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudicate.calibration.estimate import curve, point
from adjudicate.calibration.proposal import Proposal
from adjudicate.calibration.scores import OFF, SIGNALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"image": "#2456c8", "text": "#c2571a", "image-text": "#11734b"}
"""Apart for colour-blind eyes too; each also has its own line style."""
_STYLES = {"image": "-", "text": "--", "image-text": "-."}
_COLUMNS = 4
_CJK = ("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "PingFang SC")


def curves_png(proposal: Proposal) -> bytes:
    """One panel per category: each signal alone, the category's violations against all compliant
    ads, with the proposed threshold marked on its curve. Raises `ImportError` without matplotlib.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"font.family": ["DejaVu Sans", *_installed()], "font.size": 9}):
        count = len(proposal.scores.categories)
        rows = math.ceil(count / _COLUMNS)
        columns = min(count, _COLUMNS)
        figure = Figure(figsize=(3.3 * columns, 3.1 * rows + 0.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = np.atleast_1d(np.asarray(figure.subplots(rows, columns, squeeze=False))).ravel()
        for place in range(count):
            _panel(axes[place], proposal, place)
        for empty in axes[count:]:
            empty.set_visible(False)
        figure.supxlabel("recall")
        figure.supylabel("precision")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, facecolor="white")
        return buffer.getvalue()


def _panel(axes: Axes, proposal: Proposal, place: int) -> None:
    scores = proposal.scores
    drawn: Any = None
    for at, signal in enumerate(SIGNALS):
        levels, precision, recall = curve(scores, place, at)
        if not len(levels) or not recall.any():
            continue
        threshold = proposal.proposed[place, at]
        label = f"{signal} {'off' if threshold == OFF else f'≥ {threshold:.3g}'}"
        colour = COLOURS[signal]
        (drawn,) = axes.plot(
            recall, precision, _STYLES[signal], color=colour, linewidth=1.6, label=label
        )
        if marked := point(scores, place, at, threshold):
            axes.plot(marked[1], marked[0], "o", color=colour, markersize=7, markeredgecolor="w")
    count = int(scores.of(place).sum())
    kept = "" if proposal.chosen(place) else ", kept"
    axes.set_title(f"{scores.categories[place]} ({count}{kept})", fontsize=10, loc="left")
    axes.set_xlim(-0.02, 1.03)
    axes.set_ylim(-0.02, 1.03)
    axes.grid(color="#e1e5eb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if drawn is None:
        axes.text(0.5, 0.5, "no labelled violations", ha="center", color="#5b6472")
    else:
        axes.legend(loc="lower left", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")


def _installed() -> list[str]:
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return [name for name in _CJK if name in known]
