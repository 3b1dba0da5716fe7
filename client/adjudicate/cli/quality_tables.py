"""The figures on quality, for people and as JSON."""

from __future__ import annotations

import json
from typing import Any

from docarray import BaseDoc
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from adjudicate.documents import PersonVerdict, Proportion, Quality, Reference

_COLOURS = {"stable": "green", "moderate": "yellow", "major": "bold red"}


def as_json_line(document: BaseDoc) -> str:
    """One object, as HTTP answers it: only a verdict has an id, which is its decision's."""
    data = {name: _plain(value) for name, value in json.loads(document.json()).items()}
    for name in ("problem", *(() if isinstance(document, PersonVerdict) else ("id",))):
        data.pop(name, None)
    return json.dumps(data, ensure_ascii=False)


def quality_panel(found: Quality) -> RenderableType:
    """Every figure, with what it rests on; notes at the end."""
    head = f"last {found.hours:g} h, {found.sampled:,} sampled ads"
    if found.encoder_version:
        head += f" of encoder {found.encoder_version}"
    parts: list[RenderableType] = [Text(head)]
    if found.reference is not None:
        parts.append(Text(_reference_line(found.reference)))
    if found.drift:
        parts.append(_drift_table(found))
    parts.append(_shares_table(found))
    parts += [Text(f"note: {note}", style="yellow") for note in found.notes]
    return Group(*parts)


def _reference_line(reference: Reference) -> str:
    by = f" by {reference.created_by}" if reference.created_by else ""
    note = f" ({reference.note})" if reference.note else ""
    since, until = (at[:16].replace("T", " ") for at in (reference.since, reference.until))
    return f"reference: {reference.ads:,} sampled ads, {since} to {until}{by}{note}"


def _drift_table(found: Quality) -> Table:
    table = Table("drift of", "PSI", "by chance up to", "state", "ads", "reference", box=box.SIMPLE)
    for drift in found.drift:
        table.add_row(
            drift.feature,
            "" if drift.psi is None else f"{drift.psi:.3f}",
            "" if drift.critical is None else f"{drift.critical:.3f}",
            Text(drift.state, style=_COLOURS.get(drift.state, "")),
            f"{drift.ads:,}",
            f"{drift.reference_ads:,}",
        )
    return table


def _shares_table(found: Quality) -> Table:
    table = Table("share", "value", "between", "of", box=box.SIMPLE)
    for rate in found.positive:
        of = f"{rate.count:,} of {rate.total:,} judged"
        table.add_row(Text(f"judge positive: {rate.name or 'any rule'}"), *_values(rate), of)
    missed = found.screen_miss
    if missed is not None:
        of = f"{missed.count:,} of {missed.total:,} audited, {found.passed:,} passed"
        of += f", {found.unjudged:,} without a verdict" if found.unjudged else ""
        table.add_row("missed by the screen", *_values(missed), of)
    for agreed in found.agreement:
        of = f"{agreed.count:,} of {agreed.total:,} reviewed"
        table.add_row(Text(f"upheld by people: {agreed.name or 'all'}"), *_values(agreed), of)
    return table


def _values(found: Proportion) -> tuple[str, str]:
    if found.share is None:
        return "", ""
    return f"{found.share:.2%}", f"{found.low:.2%} … {found.high:.2%}"


def _plain(value: Any) -> Any:
    """Without the ids of nested documents, which mean nothing."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name != "id"}
    return value
