"""A report's plots as SVG that is part of a page: its colours are the page's, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudicate.report.model import Report
from adjudicate.report.show import OUTCOMES, card_name
from adjudicate.report.statistics import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _LINE = "#010101", "#020202", "#030303"
_VARIABLES = {_INK: "--ink", _SOFT: "--soft", _LINE: "--line"}
"""Matplotlib draws with colours that stand for the page's variables."""
SERIES = tuple(f"#0400{place:02x}" for place in range(6))
_VARIABLES |= {colour: f"--series-{place}" for place, colour in enumerate(SERIES)}
_OUTCOME = dict(zip(OUTCOMES, (SERIES[2], SERIES[3], SERIES[1], SERIES[4]), strict=True))
_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""A second sign beside the colour."""
_FEW = 40
"""Values up to which each has a dot: one that stands alone would not be seen as a line."""
_WIDE = (9.2, 2.5)


@dataclass(frozen=True)
class Plot:
    """One picture of the page."""

    title: str
    svg: str


def plots(report: Report) -> list[Plot]:
    """What there is to draw. Raises `ImportError` without matplotlib."""
    drawn = [
        _plot("Ads a second, by outcome", report, _traffic),
        _plot("Milliseconds of an ad in all", report, _total),
        _plot("Milliseconds by stage: p50, p95, p99", report, _by_stage, tall=True),
        _plot("CPU, cores", report, _of_rooms("cpu", 1.0)),
        _plot("Resident memory, GB", report, _of_rooms("memory", 1e9)),
        _plot("GPU utilisation, %", report, _of_cards("utilization", 0.01)),
        _plot("GPU memory, GB", report, _of_cards("memory_used", 1e9)),
        _plot("GPU temperature, °C", report, _of_cards("temperature", 1.0)),
    ]
    return [plot for plot in drawn if plot is not None]


def _plot(title: str, report: Report, draw: Any, *, tall: bool = False) -> Plot | None:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Text stays text, and the same report gives the same file.
    style: dict[Any, Any] = {
        "font.size": 9,
        "svg.fonttype": "none",
        "svg.hashsalt": title,
        "text.color": _INK,
    }
    with mpl.rc_context(style):
        bars = sum("." not in one.stage or one.statistics.p99 > 0 for one in report.stages)
        figure: Figure = Figure(
            figsize=(_WIDE[0], 0.24 * bars + 0.9) if tall else _WIDE, layout="constrained"
        )
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        if not draw(axes, report):
            return None
        _dress(axes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Plot(title, _inline(buffer.getvalue().decode(), title))


def _inline(svg: str, title: str) -> str:
    """The element alone, in the page's colours, with a name for who cannot see it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Names such as axes_1, which nothing refers to, would be there once for each plot.
    svg = re.sub(r'<g id="\w+?_\d+">', "<g>", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    # All of them have a viewBox: the page says how wide they are.
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def _dress(axes: Axes) -> None:
    axes.grid(color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINE)
    axes.tick_params(colors=_SOFT, labelcolor=_SOFT)
    legend = axes.get_legend()
    if legend is not None:
        for text in legend.get_texts():
            text.set_color(_INK)


def _edges(report: Report) -> list[datetime]:
    return [datetime.fromisoformat(edge) for edge in report.series.edges]


def _in_time(axes: Axes, report: Report) -> None:
    from matplotlib import dates

    edges = _edges(report)
    typed: Any = dates  # half of it has no types
    locator = typed.AutoDateLocator(minticks=3, maxticks=8)
    axes.set_xlim(edges[0], edges[-1])  # type: ignore[arg-type]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(typed.ConciseDateFormatter(locator))
    axes.xaxis.get_offset_text().set_color(_SOFT)
    axes.set_ylim(bottom=0)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.02), fontsize=8, frameon=False, borderaxespad=0.2
    )


def _traffic(axes: Axes, report: Report) -> bool:
    counted = report.series.outcomes
    edges = _edges(report)
    if not any(sum(counts) for counts in counted.values()):
        return False
    seconds = (edges[-1] - edges[0]).total_seconds() / (len(edges) - 1)
    base = np.zeros(len(edges) - 1)
    for outcome in (one for one in OUTCOMES if one in counted):
        rate = np.asarray(counted[outcome]) / seconds
        colour = _OUTCOME[outcome]
        axes.stairs(
            base + rate,
            edges,  # type: ignore[arg-type]
            baseline=base,
            fill=True,
            color=colour,
            label=outcome,
        )
        base = base + rate
    _in_time(axes, report)
    _legend(axes)
    return True


def _total(axes: Axes, report: Report) -> bool:
    found = report.series.total_ms
    return _lines(axes, report, {name: found[name] for name in ("p95", "p50") if name in found}, 1)


def _of_rooms(measure: str, unit: float) -> Any:
    def draw(axes: Axes, report: Report) -> bool:
        series = {room.name: room.series.get(measure, []) for room in report.rooms}
        return _lines(axes, report, series, unit)

    return draw


def _of_cards(measure: str, unit: float) -> Any:
    def draw(axes: Axes, report: Report) -> bool:
        series = {card_name(card): card.series.get(measure, []) for card in report.gpus}
        return _lines(axes, report, series, unit)

    return draw


def _lines(axes: Axes, report: Report, found: Mapping[str, Series], unit: float) -> bool:
    """A line for each series that has any value; a gap where there is none."""
    edges = _edges(report)
    middles = [first + (last - first) / 2 for first, last in _pairs(edges)]
    drawn = 0
    for name, series in found.items():
        values = np.asarray([np.nan if value is None else value for value in series]) / unit
        if not len(values) or np.isnan(values).all():
            continue
        axes.plot(
            middles,  # type: ignore[arg-type]
            values,
            color=SERIES[drawn % len(SERIES)],
            linestyle=_STYLES[drawn % len(_STYLES)],
            linewidth=1.5,
            marker="o" if np.isfinite(values).sum() <= _FEW else "",
            markersize=2.5,
            label=name,
        )
        drawn += 1
    if drawn:
        _in_time(axes, report)
        _legend(axes)
    return bool(drawn)


def _pairs(edges: Sequence[datetime]) -> Iterable[tuple[datetime, datetime]]:
    return pairwise(edges)


def _by_stage(axes: Axes, report: Report) -> bool:
    """From the fastest ad to p99 a thin line, to p95 a bar, and a mark at p50."""
    stages = [one for one in report.stages if one.statistics.p99 > 0]
    for row, one in enumerate(stages):
        found = one.statistics
        colour = SERIES[5] if "." in one.stage else SERIES[0]
        axes.plot([found.min, found.p99], [row, row], color=_SOFT, linewidth=1)
        axes.barh(row, found.p95 - found.min, left=found.min, height=0.55, color=colour)
        axes.plot([found.p50, found.p50], [row - 0.38, row + 0.38], color=_INK, linewidth=2)
    if not stages:
        return False
    axes.set_yticks(range(len(stages)), [one.stage for one in stages])
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=0.1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_xlim(left=0)
    return True
