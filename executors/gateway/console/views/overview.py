"""How the service does now, from an `Overview`: charts by hour, and how long cases wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executors.gateway.console.views.charts import Chart, Series, lines, stacked

OUTCOMES = ("approve", "reject", "escalate", "error")
AGES = ("1h", "4h", "24h", "72h", "more")
WINDOWS = (24, 72, 168, 744)
"""Hours that the page offers."""
_MOST_COLUMNS = 72
"""Of a chart: more hours are taken together."""

Data = Mapping[str, Any]
Say = Callable[[str, str], str]
"""The words for a code of a section of the texts."""


@dataclass(frozen=True)
class Waiting:
    """Open cases of one age."""

    age: str
    count: int
    share: float
    """Of the largest."""
    late: bool


@dataclass(frozen=True)
class Shown:
    """What the page draws."""

    outcomes: Chart
    latency: Chart
    queue: Chart
    waiting: tuple[Waiting, ...]
    hours: tuple[Data, ...]
    """The same as a table, the newest first."""


def shown(overview: Data, say: Say) -> Shown:
    """The charts of an overview; times are UTC."""
    hours: Sequence[Data] = overview["hourly"]
    groups = _groups(hours)
    labels = [_label(group[0]["at"], len(hours)) for group in groups]
    counts = [
        Series(name, say("outcome", name), [_sum(group, "outcomes", name) for group in groups])
        for name in OUTCOMES
    ]
    latency = [
        Series(name, name, [_worst(group, name) for group in groups]) for name in ("p50", "p95")
    ]
    queue = [
        Series(
            name,
            say("overview", name),
            [float(sum(hour[name] for hour in group)) for group in groups],
        )
        for name in ("queued", "settled")
    ]
    return Shown(
        stacked(counts, labels),
        lines(latency, labels, unit=" ms"),
        lines(queue, labels, height=140),
        _waiting(overview["waiting_by_age"]),
        tuple(reversed(hours)),
    )


def seconds(value: float | None) -> tuple[str, int]:
    """A duration in its largest whole unit: the unit's key, and how many; `none` without one."""
    if value is None:
        return "none", 0
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if value >= 2 * size:
            return unit, round(value / size)
    return "seconds", round(value)


def _groups(hours: Sequence[Data]) -> list[Sequence[Data]]:
    """The hours, several together where they are many; the oldest group may be the shorter."""
    size = max(1, -(-len(hours) // _MOST_COLUMNS))
    first = len(hours) % size
    starts = [*([0] if first else []), *range(first, len(hours), size)]
    return [hours[a:b] for a, b in zip(starts, [*starts[1:], len(hours)], strict=True)]


def _sum(group: Sequence[Data], field: str, name: str) -> float:
    return float(sum(hour[field].get(name, 0) for hour in group))


def _worst(group: Sequence[Data], name: str) -> float | None:
    """The highest of the group's hours: percentiles have no sum."""
    return max((hour[name] for hour in group if hour[name] is not None), default=None)


def _label(at: str, hours: int) -> str:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return at
    return f"{moment:%H:%M}" if hours <= 24 else f"{moment:%m-%d %H}h"


def _waiting(ages: Mapping[str, int]) -> tuple[Waiting, ...]:
    most = max(ages.values(), default=0) or 1
    return tuple(
        Waiting(age, ages.get(age, 0), ages.get(age, 0) / most, age in ("72h", "more"))
        for age in AGES
    )
