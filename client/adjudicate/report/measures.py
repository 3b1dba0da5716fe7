"""The numbers of a report by name, as bounds speak of them: `stages.total.p95`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import get_args

from adjudicate.documents import Outcome
from adjudicate.errors import STATUS, Code
from adjudicate.report.merge import KNOWN_STAGES
from adjudicate.report.model import Report, ReportedAds
from adjudicate.report.parts import MEASURES, OF_CARD
from adjudicate.report.statistics import Statistics

OK = "ok"
_STATISTICS = tuple(Statistics.model_fields)
_SHARES = ("judged", "cached", "flagged", "audited")
_CODES = tuple(str(code) for code in Code)
_FAILED = frozenset(str(code) for code in Code if STATUS[code].http >= 500)
"""What a caller can do nothing about."""


def measures_of(report: Report) -> dict[str, float]:
    """Every number of the report that a bound may be set on; only those that were measured."""
    return dict(_measured(report))


def _measured(report: Report) -> Iterator[tuple[str, float]]:
    if report.ads is not None:
        yield from _of_ads(report.ads)
    yield from _of_requests(report.requests)
    for stage in report.stages:
        yield from _spread(f"stages.{stage.stage}", stage.statistics)
    for room in report.rooms:
        name = f"rooms.{room.name}"
        yield f"{name}.missing", float(room.problem is not None)
        for measure, found in room.measures.items():
            yield from _spread(f"{name}.{measure}", found)
        if {"disk_free", "disk_used"} <= room.measures.keys():
            whole = room.measures["disk_free"].mean + room.measures["disk_used"].mean
            yield from _spread(f"{name}.disk_free_share", room.measures["disk_free"], whole)
    for card in report.gpus:
        for measure, found in card.measures.items():
            yield from _spread(f"gpus.{card.id}.{measure}", found)
        if "memory_used" in card.measures:
            used = card.measures["memory_used"]
            yield from _spread(f"gpus.{card.id}.memory_share", used, card.memory_total)


def _of_ads(ads: ReportedAds) -> Iterator[tuple[str, float]]:
    yield "ads.count", ads.count
    yield "ads.per_second", ads.per_second
    if not ads.count:
        return  # a share of nothing is not measured
    for outcome in get_args(Outcome):
        yield from _counted(f"outcomes.{outcome}", ads.outcomes.get(outcome, 0), ads.count)
    for code in _CODES:
        yield from _counted(f"codes.{code}", ads.codes.get(code, 0), ads.count)
    yield "ads.failed_share", _failed(ads.codes) / ads.count
    for name in _SHARES if ads.read else ():
        yield f"ads.{name}_share", getattr(ads, name) / ads.read


def _of_requests(requests: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    whole = sum(requests.values())
    yield "requests.count", whole
    if not whole:
        return
    for code in (OK, *_CODES):
        yield from _counted(f"requests.{code}", requests.get(code, 0), whole)
    yield "requests.failed_share", _failed(requests) / whole


def _failed(codes: Mapping[str, int]) -> int:
    return sum(count for code, count in codes.items() if code in _FAILED)


def _counted(name: str, count: int, whole: int) -> Iterator[tuple[str, float]]:
    yield f"{name}.count", count
    yield f"{name}.share", count / whole


def _spread(name: str, found: Statistics, whole: float = 1.0) -> Iterator[tuple[str, float]]:
    for statistic in _STATISTICS:
        value = float(getattr(found, statistic))
        yield f"{name}.{statistic}", value if statistic == "count" or not whole else value / whole


def is_known(pattern: str) -> bool:
    """Whether a report can have a number of that name; `*` stands for any part of it."""
    kind, _, rest = pattern.partition(".")
    if kind in ("rooms", "gpus"):
        # Of a room or card by any name.
        return any(rest.endswith(f".{end}") and rest != f".{end}" for end in _ENDS[kind])
    return any(fnmatchcase(name, pattern) for name in _NAMES)


def unit_of(name: str) -> str:
    """Of the number of that name: `ms`, `B`, `°C`, `%` for a share, `cores`, or nothing."""
    if name.endswith(("_share", ".share")) or "_share." in name or ".utilization." in name:
        return "%"
    if name.endswith(".count"):
        return ""
    if name.startswith("stages."):
        return "ms"
    for part, unit in _UNITS.items():
        if f".{part}." in name:
            return unit
    return ""


_UNITS = {
    "cpu": "cores",
    "memory": "B",
    "disk_used": "B",
    "disk_free": "B",
    "memory_used": "B",
    "temperature": "°C",
}
_ENDS = {
    "rooms": (
        "missing",
        *(f"{one}.{how}" for one in (*MEASURES, "disk_free_share") for how in _STATISTICS),
    ),
    "gpus": tuple(f"{one}.{how}" for one in (*OF_CARD, "memory_share") for how in _STATISTICS),
}
_NAMES = (
    *(f"stages.{stage}.{how}" for stage in KNOWN_STAGES for how in _STATISTICS),
    *("ads.count", "ads.per_second", "ads.failed_share"),
    *(f"ads.{name}_share" for name in _SHARES),
    *(f"outcomes.{name}.{how}" for name in get_args(Outcome) for how in ("count", "share")),
    *(f"codes.{code}.{how}" for code in _CODES for how in ("count", "share")),
    *("requests.count", "requests.failed_share"),
    *(f"requests.{code}.{how}" for code in (OK, *_CODES) for how in ("count", "share")),
)
