"""Thresholds as a table, what a candidate changes, and how it fares on the ads people answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executors.gateway.console.views.charts import Chart, curve, unit_x, unit_y

SIGNALS = ("image", "text", "image-text")
"""As in `executors.library.thresholds`, which this room does not import."""
DEFAULT = "default"
"""The row of a table for categories without a threshold of their own."""

Data = Mapping[str, Any]
Content = Mapping[str, Mapping[str, float | None]]
"""By signal and category, and `default` by signal; None: the signal is off."""


@dataclass(frozen=True)
class Cell:
    """The threshold of a category and signal."""

    signal: str
    value: float | None
    """None: off."""
    inherited: bool
    """The category has none of its own: the default counts."""
    before: float | None
    """In what it is compared with."""

    @property
    def changed(self) -> bool:
        """Whether it differs from what it is compared with."""
        return self.value != self.before


@dataclass(frozen=True)
class Row:
    """All thresholds of a category."""

    category: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Mark:
    """A threshold on the curve, with its intervals as lines to both sides."""

    kind: str
    """`now` or `then`."""
    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float
    title: str


@dataclass(frozen=True)
class Effect:
    """What a page shows of a `ThresholdEffect`."""

    data: Data
    chart: Chart
    marks: tuple[Mark, ...]


def value_of(content: Content, category: str, signal: str) -> float | None:
    """The threshold that counts for a category: its own, or else the default."""
    own: Mapping[str, float | None] = content.get(signal) or {}
    if category != DEFAULT and category in own:
        return own[category]
    return (content.get(DEFAULT) or {}).get(signal)


def table(content: Content, against: Content) -> list[Row]:
    """Every category that either names, by name, and the defaults last."""
    names = {
        name for each in (content, against) for signal in SIGNALS for name in each.get(signal) or {}
    }
    return [
        Row(
            name,
            tuple(
                Cell(
                    signal,
                    value_of(content, name, signal),
                    name != DEFAULT and name not in (content.get(signal) or {}),
                    value_of(against, name, signal),
                )
                for signal in SIGNALS
            ),
        )
        for name in (*sorted(names - {DEFAULT}), DEFAULT)
    ]


def changes(rows: Sequence[Row]) -> int:
    """How many thresholds differ."""
    return sum(cell.changed for row in rows for cell in row.cells)


def with_value(
    content: Content, category: str, signal: str, value: float | None
) -> dict[str, dict[str, float | None]]:
    """The content with another threshold of one category, or of the defaults; None: off."""
    changed = {
        name: dict(values) for name, values in content.items() if isinstance(values, Mapping)
    }
    if category == DEFAULT:
        changed.setdefault(DEFAULT, {})[signal] = value
    else:
        changed.setdefault(signal, {})[category] = value
    return changed


def in_force(versions: Sequence[Data], encoder: str) -> Data | None:
    """The version that counts for ads of this encoder: its active one, or else the file's. With
    no encoder known, the only active one there is."""
    active = [one for one in versions if one["state"] == "active"]
    own = [one for one in active if one["encoder_version"] == encoder]
    if not encoder and len(active) == 1:
        own = active
    files = [one for one in versions if one["state"] == "file"]
    return next(iter(own or files), None)


def shadow_of(versions: Sequence[Data], encoder: str) -> Data | None:
    """The version that is only watched, for this encoder."""
    shadows = [one for one in versions if one["state"] == "shadow"]
    return next((one for one in shadows if encoder in ("", one["encoder_version"])), None)


def effect_of(data: Data) -> Effect:
    """The curve of precision over recall, from the highest threshold to the lowest, and where the
    thresholds of now and then lie on it."""
    points = [
        (point["recall"], point["precision"], _said(point))
        for point in reversed(data["points"])
        if point["recall"] is not None and point["precision"] is not None
    ]
    chart = curve(points)
    marks = [_mark(kind, data[kind], chart) for kind in ("now", "then") if data[kind]]
    return Effect(data, chart, tuple(mark for mark in marks if mark))


def _mark(kind: str, point: Data, chart: Chart) -> Mark | None:
    if point["recall"] is None or point["precision"] is None:
        return None
    return Mark(
        kind,
        _x(point["recall"], chart),
        _y(point["precision"], chart),
        _x(point["recall_low"], chart),
        _x(point["recall_high"], chart),
        _y(point["precision_high"], chart),
        _y(point["precision_low"], chart),
        _said(point),
    )


def _said(point: Data) -> str:
    return (
        f"{point['threshold']:.3f} · {point['precision'] or 0:.0%} / {point['recall'] or 0:.0%} · "
        f"{point['violations']}/{point['flagged']}"
    )


def _x(share: float, chart: Chart) -> float:
    return round(unit_x(share, chart.width), 1)


def _y(share: float, chart: Chart) -> float:
    return round(unit_y(share, chart.height), 1)
