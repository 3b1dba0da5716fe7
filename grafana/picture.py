"""Draw a dashboard from a Prometheus: `python -m grafana.picture URL FILE`.

Queries, titles, units and places are those of the file. The drawing is matplotlib's, not
Grafana's: a heatmap is drawn as its median, a table as lines of text.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from grafana.units import shown

FOLDER = Path(__file__).parent / "dashboards"
COLUMN_IN, ROW_IN = 0.62, 0.34
"""Inches of a dashboard's 24 columns and of its rows."""
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#f2cc0c", "#37872d", "#5794f2")
GROUND = {"green": "#299c46", "orange": "#ed8128", "red": "#d44a3a", "text": "#ffffff"}
TEXT_LINES = 13
LEGEND = 1.6 / 24
"""Columns beside a graph for the names of its lines."""


@dataclass(frozen=True)
class Span:
    """What is drawn, in seconds since 1970; `step` between two points."""

    start: float
    end: float
    step: float


class Source:
    """A Prometheus."""

    def __init__(self, url: str, window: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        self._window = window

    def over_time(self, expression: str, span: Span) -> list[dict[str, Any]]:
        """The series of an expression. Raises `RuntimeError` with Prometheus' words."""
        asked = {"start": span.start, "end": span.end, "step": span.step}
        return self._ask("/api/v1/query_range", expression, asked)

    def now(self, expression: str, span: Span) -> list[dict[str, Any]]:
        """Its series at the end of the span."""
        return self._ask("/api/v1/query", expression, {"time": span.end})

    def _ask(self, path: str, expression: str, asked: dict[str, float]) -> list[dict[str, Any]]:
        query = expression.replace("$__rate_interval", self._window)
        answer = self._http.get(path, params={"query": query, **asked}).json()
        if answer["status"] != "success":
            raise RuntimeError(f"{query}: {answer['error']}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


def draw(board: dict[str, Any], source: Source, span: Span) -> Figure:
    """The whole dashboard."""
    panels = board["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(24 * COLUMN_IN, rows * ROW_IN), dpi=80, facecolor="#f4f5f5")
    for panel in panels:
        place = panel["gridPos"]
        left, width = place["x"] / 24, place["w"] / 24
        bottom, height = 1 - (place["y"] + place["h"]) / rows, place["h"] / rows
        if panel["type"] == "row":
            figure.text(left + 0.004, bottom + height / 3, panel["title"], weight="bold", size=11)
            continue
        legend = LEGEND if panel["type"] in ("timeseries", "heatmap") else 0.0
        axes = figure.add_axes(_inside(left, bottom, width - legend, height, rows))
        axes.set_title(panel["title"], size=9, loc="left", weight="bold")
        _KINDS[panel["type"]](axes, panel, source, span)
    return figure


def _inside(
    left: float, bottom: float, width: float, height: float, rows: int
) -> tuple[float, float, float, float]:
    """The axes of a panel: with room for its title, its scale and its legend."""
    side, line = 0.9 / 24, 1 / rows
    return left + side, bottom + 1.1 * line, width - side - 0.006, height - 2.3 * line


def _graph(axes: Axes, panel: dict[str, Any], source: Source, span: Span) -> None:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    stacked = "stacking" in panel["fieldConfig"]["defaults"].get("custom", {})
    drawn: list[tuple[str, dict[float, float]]] = []
    for target in panel["targets"]:
        for series in source.over_time(target["expr"], span):
            points = {float(at): float(value) for at, value in series["values"]}
            drawn.append((_name(target["legendFormat"], series["metric"]), points))
    _lines(axes, drawn, stacked)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    _time(axes, span)
    if not drawn:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="#888888")
    elif drawn[0][0]:
        axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False)


def _lines(axes: Axes, drawn: list[tuple[str, dict[float, float]]], stacked: bool) -> None:
    times = sorted({at for _, points in drawn for at in points})
    dates = [date2num(_moment(at)) for at in times]
    if stacked and drawn:
        heights = [[points.get(at, 0.0) for at in times] for _, points in drawn]
        names = [name for name, _ in drawn]
        axes.stackplot(dates, heights, labels=names, colors=COLOURS, alpha=0.7)
        return
    for number, (name, points) in enumerate(drawn):
        values = [points.get(at, float("nan")) for at in times]
        axes.plot(dates, values, label=name, color=COLOURS[number % len(COLOURS)], linewidth=1.2)


def _number(axes: Axes, panel: dict[str, Any], source: Source, span: Span) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = source.now(panel["targets"][0]["expr"], span)
    axes.set_xticks([])
    axes.set_yticks([])
    if not found:
        empty = defaults.get("noValue", "no data")
        axes.text(0.5, 0.42, empty, transform=axes.transAxes, ha="center", color="#888888")
        return
    value = float(found[0]["value"][1])
    steps = defaults["thresholds"]["steps"]
    colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][
        -1
    ]
    words = {
        key: told["text"]
        for mapping in defaults.get("mappings", ())
        for key, told in mapping["options"].items()
    }
    axes.set_facecolor(GROUND[colour])
    text = words.get(f"{value:g}", shown(value, defaults.get("unit", "short")))
    ink = "#222222" if colour == "text" else "#ffffff"
    axes.text(0.5, 0.42, text, transform=axes.transAxes, ha="center", size=17, color=ink)


def _rows(axes: Axes, panel: dict[str, Any], source: Source, span: Span) -> None:
    hidden = {"__name__", "job", "alertstate"}
    lines = [
        "  ".join(
            f"{value}" for label, value in sorted(each["metric"].items()) if label not in hidden
        )
        for each in source.now(panel["targets"][0]["expr"], span)
    ]
    axes.axis("off")
    more = [f"and {len(lines) - TEXT_LINES} more"] if len(lines) > TEXT_LINES else []
    text = "\n".join([*lines[:TEXT_LINES], *more]) or "none"
    axes.text(0, 1, text, transform=axes.transAxes, va="top", size=7, family="monospace")


def _heat(axes: Axes, panel: dict[str, Any], source: Source, span: Span) -> None:
    median = {"expr": f"histogram_quantile(0.5, {panel['targets'][0]['expr']})"}
    unit = panel["options"]["yAxis"]["unit"]
    field = {"defaults": {"unit": unit}}
    _graph(
        axes,
        {"targets": [{**median, "legendFormat": "p50"}], "fieldConfig": field},
        source,
        span,
    )


_KINDS = {"timeseries": _graph, "stat": _number, "table": _rows, "heatmap": _heat}


def _name(legend: str, labels: dict[str, str]) -> str:
    if legend == "__auto":
        return ""
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


def _time(axes: Axes, span: Span) -> None:
    axes.set_xlim(date2num(_moment(span.start)), date2num(_moment(span.end)))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.25)
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=4)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m grafana.picture", description=__doc__)
    parser.add_argument("url", help="of Prometheus, such as http://localhost:9090")
    parser.add_argument("file", type=Path, help="to write: .png or .svg")
    parser.add_argument("--board", default="overview", help="a file of grafana/dashboards")
    parser.add_argument("--minutes", type=float, default=60.0, help="until now")
    parser.add_argument("--window", default="1m", help="that rates are over")
    given = parser.parse_args()
    end = time.time()
    span = Span(end - 60 * given.minutes, end, max(1.0, given.minutes / 2))
    board = json.loads((FOLDER / f"{given.board}.json").read_text(encoding="utf-8"))
    draw(board, Source(given.url, given.window), span).savefig(given.file)
    print(given.file)


if __name__ == "__main__":
    main()
