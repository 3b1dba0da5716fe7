"""The report as one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adjudicate.report import show
from adjudicate.report.checking import Checked
from adjudicate.report.figure import plots
from adjudicate.report.model import Report
from adjudicate.report.statistics import Statistics


@dataclass(frozen=True)
class _Row:
    name: str
    what: str
    numbers: Sequence[str]
    part: bool = False


@dataclass(frozen=True)
class _Tile:
    number: str
    what: str


def page(report: Report, checked: Sequence[Checked] | None = None) -> str:
    """The page. `checked` is what became of the bounds; None where none were asked for.

    Raises `ImportError` without jinja2 or matplotlib.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("adjudicate.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        period=show.period(report),
        headline=show.headline(report),
        notes=report.notes,
        tiles=_tiles(report),
        columns=show.COLUMNS,
        stages=_stages(report),
        rooms=_rooms(report),
        missing=[(room.name, room.problem) for room in report.rooms if room.problem],
        gpus=_gpus(report),
        counts=_counts(report),
        plots=plots(report),
        checked=checked,
        broken=[one for one in checked or () if one.broken],
    )


def _tiles(report: Report) -> list[_Tile]:
    tiles: list[_Tile] = []
    ads = report.ads
    if ads is not None:
        tiles.append(
            _Tile(f"{ads.count:,}", f"ads decided, {show.decimals(ads.per_second)} a second")
        )
        if ads.count:
            rejected, wrong = ads.outcomes.get("reject", 0), ads.outcomes.get("error", 0)
            tiles += [
                _Tile(f"{rejected / ads.count:.1%}", f"of them rejected, {rejected:,}"),
                _Tile(f"{wrong / ads.count:.2%}", f"of them with a problem, {wrong:,}"),
            ]
        if ads.read:
            cached = f", {ads.cached / ads.judged:.0%} from its cache" if ads.judged else ""
            tiles.append(_Tile(f"{ads.judged / ads.read:.1%}", f"of them judged{cached}"))
    total = report.stage("total")
    if total is not None:
        tiles += [
            _Tile(f"{show.decimals(total.p50)} ms", "half of the ads take no longer"),
            _Tile(f"{show.decimals(total.p95)} ms", "95 of 100 take no longer"),
        ]
    return tiles


def _stages(report: Report) -> list[_Row]:
    return [
        _Row(
            one.stage,
            one.what,
            [
                f"{one.statistics.count:,}",
                *(show.decimals(value) for value in show.spread(one.statistics)),
            ],
            "." in one.stage,
        )
        for one in report.stages
    ]


def _rooms(report: Report) -> list[_Row]:
    return [
        row
        for room in report.rooms
        for row in _measured(room.name, room.measures, show.ROOM_MEASURES)
    ]


def _gpus(report: Report) -> list[_Row]:
    return [
        row
        for card in report.gpus
        for row in _measured(show.card_name(card), card.measures, show.GPU_MEASURES)
    ]


def _measured(
    name: str, measures: Mapping[str, Statistics], units: Mapping[str, str]
) -> list[_Row]:
    shown = [(measure, unit) for measure, unit in units.items() if measure in measures]
    return [
        _Row(
            "" if place else name,
            show.measure_name(measure, unit),
            [show.plain(value, unit) for value in show.spread(measures[measure])],
            part=bool(place),
        )
        for place, (measure, unit) in enumerate(shown)
    ]


def _counts(report: Report) -> list[tuple[str, list[tuple[str, str]]]]:
    """Tables of counts: outcomes, reasons, codes of ads, codes of requests."""
    ads = report.ads
    found = {
        "Outcomes": {one: ads.outcomes.get(one, 0) for one in show.OUTCOMES} if ads else {},
        "Reasons": ads.reasons if ads else {},
        "Problems of ads": ads.codes if ads else {},
        "Requests": report.requests,
    }
    return [(title, _ordered(counts)) for title, counts in found.items() if any(counts.values())]


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    return [(name, f"{count:,}") for name, count in ordered]
