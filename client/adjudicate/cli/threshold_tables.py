"""Versions of thresholds, and what a shadow would have done, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adjudicate.documents import ThresholdVersion
from adjudicate.shadow import Comparison

SIGNALS = ("image", "text", "image-text")
DEFAULT = "(others)"
"""The row of categories that a version does not name."""

_COLOURS = {"active": "green", "shadow": "yellow", "file": "cyan"}


def version_table(versions: Iterable[ThresholdVersion]) -> Table:
    """A row per version."""
    names = ("version", "state", "encoder", "recall", "flagged", "made", "changed", "note")
    table = Table(*names, box=box.SIMPLE)
    for version in versions:
        measured = json.loads(version.metrics) if version.metrics else {}
        table.add_row(
            version.id,
            _state(version.state),
            Text(version.encoder_version),
            _share(measured.get("recall")),
            _share(measured.get("false_positives")),
            _when(version.created_at, version.created_by),
            _when(version.changed_at, version.changed_by),
            Text(version.note),
        )
    return table


def version_panel(version: ThresholdVersion) -> RenderableType:
    """One version with its values."""
    table = Table("category", *SIGNALS, box=box.SIMPLE)
    rows = _rows(version)
    for category in _categories([rows]):
        table.add_row(Text(category), *(_cosine(rows.get((category, s))) for s in SIGNALS))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    for name in ("encoder_version", "created_by", "created_at", "changed_by", "changed_at", "note"):
        if getattr(version, name):
            facts.add_row(name.replace("_", " "), Text(getattr(version, name)))
    title = Text(f"{version.id} ").append_text(_state(version.state))
    return Panel(Group(facts, table), title=title, title_align="left")


def as_json_line(version: ThresholdVersion) -> str:
    """One version as a line of JSON, with the JSON inside it as what it says."""
    data = version.model_dump(mode="json", exclude_none=True)
    for name in ("content", "metrics"):
        data[name] = json.loads(data[name]) if data[name] else None
    return json.dumps(data, ensure_ascii=False)


def differences(
    before: ThresholdVersion, after: ThresholdVersion
) -> Iterator[tuple[str, str, float | None, float | None]]:
    """Category, signal, the one's value and the other's, where they differ."""
    one, other = _rows(before), _rows(after)
    for category in _categories([one, other]):
        for signal in SIGNALS:
            # A category that only one of them names has the other's default.
            old = one.get((category, signal), one.get((DEFAULT, signal)))
            new = other.get((category, signal), other.get((DEFAULT, signal)))
            if old != new:
                yield category, signal, old, new


def diff_as_json(before: ThresholdVersion, after: ThresholdVersion) -> str:
    """One object; a value that is off is null."""
    names = ("category", "signal", "before", "after")
    changes = [dict(zip(names, found, strict=True)) for found in differences(before, after)]
    return json.dumps({"before": before.id, "after": after.id, "changes": changes})


def diff_table(before: ThresholdVersion, after: ThresholdVersion) -> RenderableType:
    """The values that differ; a sentence when none does."""
    table = Table("category", "signal", f"{before.id}", f"{after.id}", "change", box=box.SIMPLE)
    for category, signal, old, new in differences(before, after):
        change = f"{new - old:+.4f}" if old is not None and new is not None else ""
        table.add_row(Text(category), signal, _cosine(old), _cosine(new), change)
    return table if table.row_count else Text(f"{before.id} and {after.id} have the same values")


def comparison_as_json(versions: Sequence[str], found: Comparison, samples: int) -> str:
    """One object, with `samples` ids of decisions at most."""
    said = {**asdict(found), "missed": found.missed[:samples], "added": found.added[:samples]}
    counts = {"ads": found.ads, "judged_now": found.judged_now, "judged_then": found.judged_then}
    totals = {"missed_total": len(found.missed), "added_total": len(found.added)}
    return json.dumps({"versions": list(versions), **counts, **said, **totals})


def print_comparison(
    console: Console, versions: Sequence[str], found: Comparison, samples: int
) -> None:
    """The two-by-two table, the judge's load, what would be missed, and ids to look at."""
    said = f"{found.ads:,} decisions beside shadow version {', '.join(versions)}"
    console.print(said, highlight=False)
    if not found.ads:
        return
    table = Table("", "shadow flags", "shadow passes", box=box.SIMPLE)
    table.add_row("active flags", f"{found.both:,}", f"{found.active_only.total():,}")
    table.add_row("active passes", f"{found.shadow_only.total():,}", f"{found.neither:,}")
    console.print(table)
    now, then = found.judged_now, found.judged_then
    change = f" ({(then - now) / now:+.1%})" if now else ""
    console.print(f"to the judge: {now:,} now, {then:,} with the shadow{change}", highlight=False)
    outcomes = ", ".join(f"{count} {name}" for name, count in found.active_only.most_common())
    console.print(f"what the shadow lets pass was: {outcomes or 'nothing'}", highlight=False)
    if found.missed:
        _ids(console, "rejects missed", found.missed, samples, "bold red")
    if found.added:
        _ids(console, "flagged by the shadow alone", found.added, samples, "")
    if found.audited:
        console.print(
            f"of those the audit sample had {found.audited} judged: "
            f"{found.audited_violations} violations",
            highlight=False,
        )


def _ids(console: Console, name: str, ids: Sequence[str], samples: int, style: str) -> None:
    shown = " ".join(ids[:samples])
    console.print(Text(f"{name}: {len(ids)}", style=style), highlight=False)
    if shown:
        console.print(f"  {shown}{' …' if len(ids) > samples else ''}", highlight=False)


def _rows(version: ThresholdVersion) -> dict[tuple[str, str], float | None]:
    content = json.loads(version.content)
    found = {
        (category, signal): value
        for signal in SIGNALS
        for category, value in content.get(signal, {}).items()
    }
    defaults = content.get("default", {})
    return found | {(DEFAULT, signal): defaults.get(signal) for signal in SIGNALS}


def _categories(parts: Sequence[dict[tuple[str, str], float | None]]) -> list[str]:
    named = {category for rows in parts for category, _ in rows} - {DEFAULT}
    return [*sorted(named), DEFAULT]


def _cosine(value: float | None) -> str:
    return "off" if value is None else f"{value:.4f}"


def _share(measured: dict[str, float] | None) -> str:
    if not measured or not measured["total"]:
        return ""
    return f"{measured['count'] / measured['total']:.3f}"


def _when(time: str, by: str) -> str:
    return " ".join(part for part in (time[:16].replace("T", " "), by) if part)


def _state(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))
