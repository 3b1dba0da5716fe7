"""Documents for people: tables and colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adjudicate.documents import Decision, Exemplar, RoomStatus

COLOURS = {"approve": "green", "reject": "red", "escalate": "yellow", "error": "magenta"}
_WIDE = 100
"""Columns of text from which on a table shows everything."""
_PIPED = 140
"""Columns where there is no terminal that has any."""


class DecisionTable:
    """Rows that appear as decisions come: the widths are set before the first one is known."""

    def __init__(self, console: Console) -> None:
        self._console = console
        if not console.is_terminal:
            console.width = _PIPED
        width = console.width
        self._numbers = width >= _WIDE
        rest = width - 10 - (28 if self._numbers else 0) - 6
        self._widths = (rest * 3 // 10, 8, rest * 3 // 10, rest * 4 // 10)
        self._started = False

    def add(self, decision: Decision) -> None:
        """Print one row, and the header before the first."""
        if not self._started:
            self._started = True
            names = ("ad", "outcome", "rule", "claim", "sim", "prob", "ms")
            self._print([Text(name, style="bold") for name in names])
        claim = decision.findings[0].claim if decision.findings else ""
        if decision.problem is not None:
            claim = decision.problem.detail or decision.problem.code
        self._print(
            [
                Text(decision.ad_id),
                outcome(decision.outcome),
                Text(decision.rule or ", ".join(decision.reasons), style="cyan"),
                Text(claim),
                Text(number(similarity(decision))),
                Text(number(probability(decision))),
                Text(f"{milliseconds(decision):.0f}"),
            ]
        )

    def _print(self, cells: Sequence[Text]) -> None:
        row = Table.grid(padding=(0, 1))
        for width in self._widths:
            row.add_column(width=width, no_wrap=True, overflow="ellipsis")
        for width in (5, 5, 7) if self._numbers else ():
            row.add_column(width=width, justify="right", no_wrap=True)
        row.add_row(*cells[: len(row.columns)])
        self._console.print(row)


def outcome(value: str) -> Text:
    """The outcome in its colour."""
    return Text(value, style=f"bold {COLOURS.get(value, '')}")


def similarity(decision: Decision) -> float | None:
    """The nearest exemplar's."""
    return max((match.similarity for match in decision.matches), default=None)


def probability(decision: Decision) -> float | None:
    """Of a violation, the judge's highest; None when it was not asked."""
    return max((finding.probability for finding in decision.findings), default=None)


def milliseconds(decision: Decision) -> float:
    """Spent in the rooms."""
    return sum(decision.timings.values())


def number(value: float | None) -> str:
    """Two decimals; empty for None."""
    return "" if value is None else f"{value:.2f}"


def summary(counts: dict[str, int], seconds: float) -> Text:
    """`48 ads in 3.1 s: 20 approve, 24 reject, …`."""
    text = Text(f"{sum(counts.values())} ads in {seconds:.1f} s")
    for position, (name, count) in enumerate(sorted(counts.items())):
        text.append(": " if position == 0 else ", ")
        text.append(f"{count} {name}", style=COLOURS.get(name, ""))
    return text


def decision_panel(decision: Decision) -> RenderableType:
    """One decision with its evidence."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    rows = {
        "decision": decision.id,
        "rule": decision.rule,
        "reasons": ", ".join(decision.reasons),
        "confidence": number(decision.confidence),
        "problem": decision.problem and f"{decision.problem.code}: {decision.problem.detail}",
        "judged": "yes" if decision.judged else "no",
        "decided": decision.decided_at,
        "trace": decision.trace_id,
        "versions": ", ".join(f"{room} {name}" for room, name in decision.versions.items()),
        "ms": ", ".join(f"{room} {ms:.1f}" for room, ms in decision.timings.items()),
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, Text(str(value)))
    parts: list[RenderableType] = [facts]
    if decision.findings:
        names = ("rule", "claim", "verdict", "probability", "rationale")
        findings = Table(*names, box=box.SIMPLE)
        for finding in decision.findings:
            said = (finding.rule, finding.claim, finding.verdict)
            findings.add_row(*map(Text, said), number(finding.probability), Text(finding.rationale))
        parts.append(findings)
    if decision.matches:
        names = ("exemplar", "rule", "polarity", "by", "similarity")
        matches = Table(*names, box=box.SIMPLE)
        for match in decision.matches:
            near = (match.exemplar_id, match.rule, match.polarity, match.signal)
            matches.add_row(*map(Text, near), number(match.similarity))
        parts.append(matches)
    title = Text(f"{decision.ad_id}  ").append_text(outcome(decision.outcome))
    return Panel(Group(*parts), title=title, title_align="left")


def exemplar_table(exemplars: Iterable[Exemplar]) -> Table:
    """A page of the library."""
    names = ("id", "polarity", "category", "rule", "severity", "holds", "text / note")
    table = Table(*names, box=box.SIMPLE)
    for exemplar in exemplars:
        holds = " + ".join(
            part for part, has in (("picture", exemplar.image), ("copy", exemplar.text)) if has
        )
        said = (exemplar.id or "", exemplar.polarity, exemplar.category, exemplar.rule)
        more = (exemplar.severity, holds, exemplar.text or exemplar.note)
        table.add_row(*map(Text, (*said, *more)))
    return table


def exemplar_panel(exemplar: Exemplar) -> RenderableType:
    """One exemplar."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    for name in (
        *("polarity", "category", "rule", "severity", "text", "note"),
        *("added_by", "added_at", "encoder_version"),
    ):
        if getattr(exemplar, name):
            facts.add_row(name.replace("_", " "), Text(getattr(exemplar, name)))
    if exemplar.image:
        facts.add_row("picture", f"{len(exemplar.image):,} bytes")
    return Panel(facts, title=exemplar.id, title_align="left")


def room_table(rooms: Iterable[RoomStatus]) -> Table:
    """What runs where."""
    table = Table("room", "ready", "model", "device", "precision", "details", box=box.SIMPLE)
    for room in rooms:
        ready = Text("yes", style="green") if room.ready else Text("no", style="bold red")
        details = [f"{name} {value}" for name, value in {**room.facts, **room.counters}.items()]
        table.add_row(
            room.room, ready, room.model, room.device, room.precision, Text("\n".join(details))
        )
    return table
