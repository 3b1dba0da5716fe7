"""Exemplars, banks and their log for people's eyes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adjudicate.documents import Bank, Change, Exemplar

_OFF = Text("off", style="bold red")
_ON = Text("on", style="green")
_HITS = ("flagged", "rejected", "overturned")
WIDE = 130
"""Characters a line; from here on a table shows everything."""


def exemplar_table(exemplars: Iterable[Exemplar], width: int = WIDE) -> Table:
    """A page of the library. Below `WIDE` characters only what tells exemplars apart."""
    wide = width >= WIDE
    table = Table(box=box.SIMPLE, expand=not wide)
    table.add_column("id", no_wrap=True)  # whole: people copy it
    labels = ("bank", "polarity", "category", "rule") if wide else ("rule",)
    counted = _HITS if wide else ("flagged",)
    for name in ("", *labels):
        table.add_column(name, no_wrap=True)
    for name in (*counted, "rate"):
        table.add_column(name, justify="right")
    table.add_column("text / note", no_wrap=not wide, ratio=None if wide else 1)
    for exemplar in exemplars:
        counts = (str(exemplar.hits.get(name, 0)) for name in counted)
        table.add_row(
            Text(exemplar.id or ""),
            _switch(exemplar.enabled),
            *(Text(getattr(exemplar, name)) for name in labels),
            *map(Text, (*counts, overturn_rate(exemplar.hits))),
            Text(exemplar.text or exemplar.note),
        )
    return table


def exemplar_panel(exemplar: Exemplar, changes: Iterable[Change] = ()) -> RenderableType:
    """One exemplar, and who changed what of it."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_row("bank", Text(exemplar.bank))
    facts.add_row("switch", _switch(exemplar.enabled))
    for name in (
        *("polarity", "category", "rule", "severity", "text", "note"),
        *("added_by", "added_at", "content_hash", "phash"),
    ):
        if getattr(exemplar, name):
            facts.add_row(name.replace("_", " "), Text(getattr(exemplar, name)))
    if exemplar.image:
        facts.add_row("picture", f"{len(exemplar.image):,} bytes")
    counts = ", ".join(f"{exemplar.hits.get(name, 0)} {name}" for name in _HITS)
    rate = overturn_rate(exemplar.hits)
    facts.add_row("hits", counts + (f" ({rate})" if rate else ""))
    if exemplar.last_hit_at:
        facts.add_row("last hit", exemplar.last_hit_at)
    parts: list[RenderableType] = [facts]
    if changes := list(changes):
        parts.append(change_table(changes))
    return Panel(Group(*parts), title=exemplar.id, title_align="left")


def overturn_rate(hits: Mapping[str, int]) -> str:
    """The share of an exemplar's ads that were found compliant; empty without any ads."""
    flagged = hits.get("flagged", 0)
    return f"{hits.get('overturned', 0) / flagged:.0%}" if flagged else ""


def bank_table(banks: Iterable[Bank]) -> Table:
    """The banks and how they are switched."""
    table = Table("bank", "", box=box.SIMPLE)
    for name in ("exemplars", "of them off"):
        table.add_column(name, justify="right")
    for name in ("note", "changed by", "at"):
        table.add_column(name)
    for bank in banks:
        counts = (str(bank.exemplars), str(bank.disabled))
        said = (bank.note, bank.changed_by, bank.changed_at)
        table.add_row(Text(bank.name), _switch(bank.enabled), *map(Text, (*counts, *said)))
    return table


def change_table(changes: Iterable[Change]) -> Table:
    """Who did what, when."""
    table = Table("at", "by", "what", "of", "note", box=box.SIMPLE)
    for change in changes:
        of = change.exemplar_id or f"bank {change.bank}"
        table.add_row(*map(Text, (change.at, change.by, change.what, of, change.note)))
    return table


def _switch(on: bool) -> Text:
    return _ON if on else _OFF
