"""The geometry of charts: from numbers to paths, bars and ticks that a template writes as SVG.

All lengths are user units of the chart's `viewBox`; y grows downwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 10.0, 24.0
"""Room around the plot for the ticks' words."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_GAP = 0.18
"""Of a bar's place that stays empty."""


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour."""

    kind: str
    """The colour's class: small letters, digits and dashes."""
    name: str
    values: Sequence[float | None]
    """`[N]`, one for each place; None where there is none."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Point:
    """A value where it stands in the chart, and what it says."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Line:
    """A series. A value that is not there breaks its path."""

    kind: str
    path: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Bar:
    """A part of one column."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """What a template draws."""

    width: float
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()

    @property
    def left(self) -> float:
        """Where the plot begins."""
        return LEFT

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.width - RIGHT

    @property
    def top(self) -> float:
        """Its upper edge."""
        return TOP

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.height - BOTTOM

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bars and not any(line.points for line in self.lines)


def nice_step(most: float, ticks: int = 4) -> float:
    """The round step of which about `ticks` reach `most`: 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0 or not math.isfinite(most):
        return 1.0
    rough = most / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _NICE if step * power >= rough * (1 - 1e-9))


def number(value: float) -> str:
    """`0`, `12`, `1.5`, `3.2k`, `1.4M`: short enough for an axis."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def lines(
    series: Sequence[Series],
    labels: Sequence[str],
    *,
    unit: str = "",
    width: float = 640,
    height: float = 200,
) -> Chart:
    """Series of equally spaced values; `labels` `[N]` name the places. The y axis begins at 0."""
    known = [value for one in series for value in one.values if value is not None]
    scale = _scale(max(known, default=0.0), height)
    places = _places(len(labels), width)
    drawn = tuple(
        _line(
            one.kind,
            [
                None
                if value is None
                else Point(x, scale.y(value), f"{label} · {one.name} {number(value)}{unit}")
                for x, label, value in zip(places, labels, one.values, strict=True)
            ],
        )
        for one in series
    )
    return Chart(width, height, _named(labels, places), scale.ticks(unit), lines=drawn)


def stacked(
    series: Sequence[Series],
    labels: Sequence[str],
    *,
    width: float = 640,
    height: float = 200,
) -> Chart:
    """Columns of counts, the first series at the bottom."""
    columns = [[one.values[place] or 0 for one in series] for place in range(len(labels))]
    scale = _scale(max(map(sum, columns), default=0), height)
    room = (width - LEFT - RIGHT) / max(len(labels), 1)
    bars: list[Bar] = []
    for place, (label, column) in enumerate(zip(labels, columns, strict=True)):
        below = 0.0
        for one, count in zip(series, column, strict=True):
            if count:
                top, foot = scale.y(below + count), scale.y(below)
                x = LEFT + room * (place + _GAP / 2)
                title = f"{label} · {one.name} {count:,.0f}"
                bars.append(Bar(one.kind, _r(x), top, _r(room * (1 - _GAP)), _r(foot - top), title))
            below += count
    centres = [LEFT + room * (place + 0.5) for place in range(len(labels))]
    return Chart(width, height, _named(labels, centres), scale.ticks(""), bars=tuple(bars))


def curve(
    points: Sequence[tuple[float, float, str]],
    *,
    kind: str = "curve",
    width: float = 480,
    height: float = 320,
) -> Chart:
    """Points of the unit square, `(x, y, title)`, joined in their order: precision over recall."""
    drawn = [Point(_r(unit_x(x, width)), _r(unit_y(y, height)), title) for x, y, title in points]
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    return Chart(
        width,
        height,
        tuple(Tick(_r(unit_x(share, width)), f"{share:.0%}") for share in shares),
        tuple(Tick(_r(unit_y(share, height)), f"{share:.0%}") for share in shares),
        lines=(_line(kind, list(drawn)),),
    )


def unit_x(share: float, width: float) -> float:
    """Where a share of 0 to 1 lies from left to right."""
    return LEFT + share * (width - LEFT - RIGHT)


def unit_y(share: float, height: float) -> float:
    """Where a share of 0 to 1 lies from the bottom up."""
    return height - BOTTOM - share * (height - TOP - BOTTOM)


@dataclass(frozen=True)
class _Scale:
    """From 0 to `most` on the y axis."""

    most: float
    step: float
    height: float

    def y(self, value: float) -> float:
        return _r(unit_y(value / self.most, self.height))

    def ticks(self, unit: str) -> tuple[Tick, ...]:
        count = round(self.most / self.step)
        values = [at * self.step for at in range(count + 1)]
        return tuple(Tick(self.y(value), f"{number(value)}{unit}") for value in values)


def _scale(most: float, height: float) -> _Scale:
    step = nice_step(most)
    return _Scale(max(math.ceil(most / step - 1e-9), 1) * step, step, height)


def _places(count: int, width: float) -> list[float]:
    inside = width - LEFT - RIGHT
    if count < 2:
        return [LEFT + inside / 2] * count
    return [_r(LEFT + inside * place / (count - 1)) for place in range(count)]


def _named(labels: Sequence[str], places: Sequence[float], most: int = 6) -> tuple[Tick, ...]:
    """Ticks of evenly spaced labels, `most` at most, so that they do not touch."""
    every = max(1, math.ceil(len(labels) / most))
    return tuple(Tick(_r(places[at]), labels[at]) for at in range(0, len(labels), every))


def _line(kind: str, points: Sequence[Point | None]) -> Line:
    parts, gap = [], True
    for point in points:
        if point is not None:
            parts.append(f"{'M' if gap else 'L'}{point.x:g} {point.y:g}")
        gap = point is None
    return Line(kind, " ".join(parts), tuple(point for point in points if point is not None))


def _r(value: float) -> float:
    return round(value, 1)
