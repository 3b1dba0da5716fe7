"""From what each process tells to one report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adjudicate.documents import RoomReport
from adjudicate.profiling.stages import GATEWAY, PARTS, ROOMS
from adjudicate.report.model import (
    Report,
    ReportedAds,
    ReportedGpu,
    ReportedRoom,
    ReportedSeries,
    ReportedStage,
    process_name,
)
from adjudicate.report.parts import Answered, Card, Decided, Measured, Part
from adjudicate.report.statistics import Statistics
from adjudicate.report.window import Window, instant, shown

TOTAL = "total"
_WHAT = {
    TOTAL: "as the gateway sees it",
    "ledger.decide": "deciding, before it is recorded",
    "ledger": "deciding and recording",
    "library": "search, thresholds, terms",
    **{
        name: what
        for stage, parts in PARTS.items()
        for name, what in parts.items()
        # What only a profile has: the client's clock, and what no part accounts for.
        if stage != "network" and not name.endswith((".own", ".rest"))
    },
}
KNOWN_STAGES = tuple(dict.fromkeys((*_WHAT, *ROOMS, GATEWAY)))
"""Those that a report may have."""
LATE_S = 30.0
"""A first reading up to so long after the window's beginning is worth no remark."""


@dataclass
class _Told:
    """What is known of one process."""

    room: str
    replica: int
    about: str
    problem: str | None
    part: Part


def merge(reports: Sequence[RoomReport]) -> Report:
    """One report of what the processes tell, the gateway's first: all of the same window.

    Raises `ValueError` (pydantic's `ValidationError` too) for what is no answer to `/report`.
    """
    if not reports or not reports[0].since:
        raise ValueError("The answer holds no report.")
    window = Window.of(since=reports[0].since, until=reports[0].until)
    told = [_read(report) for report in reports]
    decided = next((one.part.decided for one in told if one.part.decided), None)
    answered = next((one.part.answered for one in told if one.part.answered), Answered())
    rooms = [_room(one) for one in told if one.about == "process"]
    return Report(
        since=window.since.isoformat(),
        until=window.until.isoformat(),
        seconds=window.seconds,
        ads=_ads(decided, window) if decided else None,
        requests=answered.requests,
        stages=_stages(decided or Decided(), answered),
        rooms=rooms,
        gpus=_gpus(one.part.measured for one in told if one.part.measured),
        series=ReportedSeries(
            edges=[datetime.fromtimestamp(edge, UTC).isoformat() for edge in window.edges],
            outcomes=decided.series if decided else {},
            total_ms=answered.series,
        ),
        notes=[
            *_problems(told),
            *_of_decided(decided),
            *_of_answered(answered, decided, window),
            *_of_readings(rooms, window),
        ],
    )


def _read(report: RoomReport) -> _Told:
    part = Part.model_validate_json(report.content) if report.content else Part()
    problem = report.problem.detail or report.problem.code if report.problem else None
    return _Told(report.room, report.replica, report.about, problem, part)


def _problems(told: Iterable[_Told]) -> Iterable[str]:
    said = (f"{process_name(one.room, one.replica)}: {one.problem}" for one in told if one.problem)
    return dict.fromkeys(said)


def _ads(decided: Decided, window: Window) -> ReportedAds:
    return ReportedAds(
        count=decided.ads,
        per_second=decided.ads / window.seconds,
        outcomes=decided.outcomes,
        codes=decided.codes,
        read=decided.read,
        reasons=decided.reasons,
        judged=decided.judged,
        cached=decided.cached,
        flagged=decided.flagged,
        audited=decided.audited,
    )


def _stages(decided: Decided, answered: Answered) -> list[ReportedStage]:
    recorded = {name: ("decisions", found) for name, found in decided.stages.items()}
    remembered = {name: ("gateway", found) for name, found in answered.stages.items()}
    found = {**recorded, **remembered}
    return [_stage(name, *found[name]) for name in sorted(found, key=_place)]


def _stage(name: str, source: str, statistics: Statistics) -> ReportedStage:
    return ReportedStage(stage=name, what=_WHAT.get(name, ""), source=source, statistics=statistics)


def _place(name: str) -> tuple[int, int, str]:
    """The whole, then as an ad goes; a stage before its parts, those that are known first."""
    stage, dot, _ = name.partition(".")
    order = [TOTAL, GATEWAY, *ROOMS]
    known = list(PARTS.get(stage, ()))
    part = (known.index(name) if name in known else len(known)) + 1 if dot else 0
    return (order.index(stage) if stage in order else len(order)), part, name


def _room(one: _Told) -> ReportedRoom:
    measured = one.part.measured or Measured()
    first = measured.first
    return ReportedRoom(
        room=one.room,
        replica=one.replica,
        problem=one.problem,
        readings=measured.readings,
        first=datetime.fromtimestamp(first, UTC).isoformat() if first is not None else None,
        measures=measured.measures,
        series=measured.series,
    )


def _gpus(measured: Iterable[Measured]) -> list[ReportedGpu]:
    """Each card once, by whoever read it most often: processes of one machine all see it."""
    best: dict[str, Card] = {}
    for card in (card for one in measured for card in one.cards):
        if card.id not in best or _readings(card) > _readings(best[card.id]):
            best[card.id] = card
    return [ReportedGpu(**vars(best[name])) for name in sorted(best)]


def _readings(card: Card) -> int:
    return max((found.count for found in card.measures.values()), default=0)


def _of_decided(decided: Decided | None) -> Iterable[str]:
    if decided is not None and decided.read < decided.ads:
        yield (
            f"The rooms' stages and the shares are those of an even sample, {decided.read:,} of "
            f"{decided.ads:,} decisions; the counts are of all."
        )


def _of_answered(answered: Answered, decided: Decided | None, window: Window) -> Iterable[str]:
    if answered.first is not None and (decided is None or decided.ads > answered.ads):
        moment = datetime.fromtimestamp(answered.first, UTC)
        if moment < window.until:
            yield (
                f"The gateway remembers the ads since {shown(moment)}: total, gateway and ledger "
                "are of those alone."
            )
        else:
            yield "The gateway remembers no ad of this window: it has no total, gateway and ledger."


def _of_readings(rooms: Sequence[ReportedRoom], window: Window) -> Iterable[str]:
    """Which processes were read only later than the window begins, those of one moment together."""
    late: dict[str, list[str]] = {}
    for room in rooms:
        if room.problem:
            continue
        if room.first is None:
            late.setdefault("", []).append(room.name)
        elif (instant(room.first) - window.since).total_seconds() > LATE_S:
            late.setdefault(shown(instant(room.first))[:16], []).append(room.name)
    yield from _sentences(late)


def _sentences(late: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for moment, names in late.items():
        if moment:
            yield f"Readings since {moment}: {', '.join(names)}."
        else:
            yield f"No readings: {', '.join(names)}."
