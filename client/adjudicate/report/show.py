"""A report for people: amounts, one headline, tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from adjudicate.report.model import Report, ReportedGpu, ReportedRoom
from adjudicate.report.statistics import Statistics
from adjudicate.report.window import instant, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from adjudicate.report.checking import Checked

WIDTH = 110
"""Columns of text where there is no terminal that has any."""
COLUMNS = ("mean", "min", "max", "std", "p50", "p95", "p99")
_NARROW = ("mean", "max", "p50", "p95", "p99")
"""On a terminal of less than `WIDTH`."""
OUTCOMES = ("approve", "reject", "escalate", "error")
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
ROOM_MEASURES = {
    "cpu": "cores",
    "memory": "B",
    "open_files": "",
    "disk_free": "B",
}
GPU_MEASURES = {"utilization": "%", "memory_used": "B", "temperature": "°C"}
NAMES = {"cpu": "CPU, cores", "open_files": "open files", "disk_free": "disk free"}
"""Where a measure's own name says too little."""


def amount(value: float, unit: str) -> str:
    """`12,000 ms`, `1.50 GB`, `0.1 %`, `85 °C`: four digits that count, or whole above."""
    if unit == "%":
        return f"{value * 100:.3g} %"
    if unit == "B":
        return _size(value)
    said = f"{value:,.0f}" if abs(value) >= 1_000 or value == int(value) else f"{value:.4g}"
    return f"{said} {unit}".rstrip()


def plain(value: float, unit: str) -> str:
    """As `amount`, for a column that names its unit: sizes keep theirs."""
    return _size(value) if unit == "B" else f"{value * 100:.1f}" if unit == "%" else decimals(value)


def decimals(value: float) -> str:
    """Three digits after the point for small numbers, fewer for larger ones."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1_000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def _size(value: float) -> str:
    power = 0
    while abs(value) >= 1_000 and power < len(_BYTES) - 1:
        value, power = value / 1_000, power + 1
    return f"{value:.3g} {_BYTES[power]}"


def period(report: Report) -> str:
    """`2026-03-01 12:00:00 to 13:00:00 UTC, 1 h`."""
    since, until = instant(report.since), instant(report.until)
    ends = shown(until)[11:] if since.date() == until.date() else shown(until)
    return f"{shown(since)} to {ends} UTC, {length(report.seconds)}"


def length(seconds: float) -> str:
    """`1 h 30 min`."""
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f} {unit}")
    if round(seconds) or not parts:
        parts.append(f"{seconds:.3g} s")
    return " ".join(parts)


def headline(report: Report) -> str:
    """`1,203 ads, 0.33 a second: 1,100 approve, 80 reject, 20 escalate, 3 error; 8.1 % judged`."""
    ads = report.ads
    if ads is None:
        return "What was decided is not known: the ledger does not answer."
    if not ads.count:
        return "No ads were decided."
    became = ", ".join(f"{ads.outcomes[one]:,} {one}" for one in OUTCOMES if ads.outcomes.get(one))
    said = f"{ads.count:,} {_ads(ads.count)}, {decimals(ads.per_second)} a second: {became}"
    return f"{said}; {ads.judged / ads.read:.1%} judged" if ads.read else said


def _ads(count: int) -> str:
    return "ad" if count == 1 else "ads"


def codes(counted: Mapping[str, int]) -> str:
    """`1,200 ok, 3 rate_limited`, the most frequent first."""
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{count:,} {code}" for code, count in ordered)


def card_name(card: ReportedGpu) -> str:
    """`H200 0123abcd`: the card's name and the beginning of its UUID."""
    return f"{card.name.removeprefix('NVIDIA ')} {card.id.removeprefix('GPU-')[:8]}"


def show(report: Report, console: Console, checked: Sequence[Checked] | None = None) -> None:
    """Print the report; with `checked` what became of the bounds as well."""
    console.print(period(report), style="bold", highlight=False)
    console.print(headline(report), highlight=False)
    if report.ads is not None and report.ads.reasons:
        console.print(f"reasons: {codes(report.ads.reasons)}", highlight=False)
    if report.ads is not None and report.ads.codes:
        console.print(f"ads with a problem: {codes(report.ads.codes)}", highlight=False)
    if report.requests:
        console.print(f"requests: {codes(report.requests)}", highlight=False)
    columns = COLUMNS if console.width >= WIDTH else _NARROW
    if report.stages:
        console.print(_stages(report, columns))
    if any(room.measures for room in report.rooms):
        console.print(_rooms(report.rooms, columns))
    if report.gpus:
        console.print(_gpus(report.gpus, columns))
    for note in report.notes:
        console.print(note, style="yellow", highlight=False)
    if checked is not None:
        _bounds(checked, console)


def _table(title: str, columns: Sequence[str], *first: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        *first, *columns, box=box.SIMPLE, title=title, title_justify="left", title_style="bold"
    )
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[len(first) :]:
        column.justify = "right"
    return table


def _stages(report: Report, columns: Sequence[str]) -> Table:
    table = _table("Milliseconds of an ad, by stage", columns, "stage", "ads")
    table.columns[1].justify = "right"
    for one in report.stages:
        part = "." in one.stage
        name = f"  {one.stage}" if part else one.stage
        numbers = [decimals(value) for value in spread(one.statistics, columns)]
        table.add_row(name, f"{one.statistics.count:,}", *numbers, style="dim" if part else "")
    return table


def _rooms(rooms: Sequence[ReportedRoom], columns: Sequence[str]) -> Table:
    table = _table("Processes", columns, "room", "")
    for room in rooms:
        _measured(table, columns, room.name, room.measures, ROOM_MEASURES)
    return table


def _gpus(cards: Sequence[ReportedGpu], columns: Sequence[str]) -> Table:
    table = _table("GPUs", columns, "card", "")
    for card in cards:
        _measured(table, columns, card_name(card), card.measures, GPU_MEASURES)
    return table


def _measured(
    table: Table,
    columns: Sequence[str],
    name: str,
    measures: Mapping[str, Statistics],
    units: Mapping[str, str],
) -> None:
    for measure, unit in units.items():
        if measure in measures:
            numbers = [plain(value, unit) for value in spread(measures[measure], columns)]
            table.add_row(name, measure_name(measure, unit), *numbers)
            name = ""


def measure_name(measure: str, unit: str) -> str:
    """The measure with its unit, where the numbers beside it have none."""
    named = NAMES.get(measure, measure.replace("_", " "))
    return f"{named}, {unit}" if unit in ("%", "°C") else named


def spread(found: Statistics, columns: Sequence[str] = COLUMNS) -> list[float]:
    """The statistics of these names."""
    return [float(getattr(found, column)) for column in columns]


def _bounds(checked: Sequence[Checked], console: Console) -> None:
    broken = [one for one in checked if one.broken]
    unmeasured = [one for one in checked if one.value is None and not one.broken]
    for one in broken:
        console.print(
            f"{one.measure}: {one.shown or 'not measured'}, bound {one.limits}",
            style="bold red",
            highlight=False,
        )
    for one in unmeasured:
        console.print(f"{one.measure}: not measured, not checked", style="yellow", highlight=False)
    held = len(checked) - len(broken) - len(unmeasured)
    console.print(f"{held} of {len(checked)} bounds hold", highlight=False)
