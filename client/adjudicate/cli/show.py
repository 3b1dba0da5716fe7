"""Documents for people: tables and colours."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adjudicate.documents import Decision, Match

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
        rest = width - 10 - (39 if self._numbers else 0) - 6
        self._widths = (rest * 3 // 10, 8, rest * 3 // 10, rest * 4 // 10)
        self._started = False

    def add(self, decision: Decision) -> None:
        """Print one row, and the header before the first."""
        if not self._started:
            self._started = True
            names = ("ad", "outcome", "rule", "claim", "by", "sim", "prob", "ms")
            self._print([Text(name, style="bold") for name in names])
        nearest = decision.matches[0] if decision.matches else None
        self._print(
            [
                Text(decision.ad_id),
                outcome(decision.outcome),
                Text(decision.rule or ", ".join(decision.reasons), style="cyan"),
                Text(claim(decision)),
                Text(nearest.signal if nearest else ""),
                Text(number(similarity(nearest))),
                Text(number(probability(decision))),
                Text(f"{milliseconds(decision):.0f}"),
            ]
        )

    def _print(self, cells: Sequence[Text]) -> None:
        row = Table.grid(padding=(0, 1))
        for width in self._widths:
            row.add_column(width=width, no_wrap=True, overflow="ellipsis")
        if self._numbers:
            row.add_column(width=10, no_wrap=True)
            for width in (5, 5, 7):
                row.add_column(width=width, justify="right", no_wrap=True)
        row.add_row(*cells[: len(row.columns)])
        self._console.print(row)


def outcome(value: str) -> Text:
    """The outcome in its colour."""
    return Text(value, style=f"bold {COLOURS.get(value, '')}")


def claim(decision: Decision) -> str:
    """What the judge read, or what stopped the ad, or the words of its copy that are a term."""
    if decision.problem is not None:
        return decision.problem.detail or decision.problem.code
    if decision.findings:
        return decision.findings[0].claim
    return next((match.matched for match in decision.matches if match.matched), "")


def similarity(match: Match | None) -> float | None:
    """The exemplar's; None for a term, which is there or not."""
    return None if match is None or match.signal == "term" else match.similarity


def probability(decision: Decision) -> float | None:
    """Of a violation, the judge's highest; None when it was not asked."""
    return max((finding.probability for finding in decision.findings), default=None)


def milliseconds(decision: Decision) -> float:
    """Spent in the service, from the gateway's door to the answer."""
    return sum(ms for name, ms in decision.timings.items() if "." not in name)


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
            what = match.exemplar_id or f"“{match.matched}”"
            near = (what, match.rule, match.polarity, match.signal)
            matches.add_row(*map(Text, near), number(similarity(match)))
        parts.append(matches)
    title = Text(f"{decision.ad_id}  ").append_text(outcome(decision.outcome))
    return Panel(Group(*parts), title=title, title_align="left")
