"""What a bulk review came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudicate.bulk.progress import duration

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass
class Tally:
    """Counts of the out file: every decision that stands in it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    """Of rejected and escalated ads that name one."""
    errors: Counter[str] = field(default_factory=Counter)
    """By code."""

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a decision, as a mapping of its fields."""
        outcome = record["outcome"]
        self.outcomes[outcome] += 1
        if record.get("rule") and outcome in ("reject", "escalate"):
            self.rules[record["rule"]] += 1
        if outcome == "error":
            self.errors[(record.get("problem") or {}).get("code") or "unknown"] += 1


@dataclass(frozen=True)
class Summary:
    """`before`: decisions that stood there already. `seconds` and the rate are of this run."""

    out: Path
    run: str
    tally: Tally
    before: int
    seconds: float

    @property
    def ads(self) -> int:
        """In the out file."""
        return self.tally.outcomes.total()

    @property
    def rate(self) -> float:
        """Ads per second of this run."""
        return (self.ads - self.before) / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "out": str(self.out),
            "run": self.run,
            "ads": self.ads,
            "before": self.before,
            "outcomes": dict(self.tally.outcomes),
            "rules": dict(self.tally.rules.most_common()),
            "errors": dict(self.tally.errors.most_common()),
            "seconds": round(self.seconds, 3),
            "ads_per_second": round(self.rate, 2),
        }

    def table(self) -> RenderableType:
        """For people."""
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("", "", box=box.SIMPLE, show_header=False)
        table.add_column(justify="right")
        for title, counts in (
            ("outcome", self.tally.outcomes),
            ("rule", self.tally.rules),
            ("error", self.tally.errors),
        ):
            for position, (name, count) in enumerate(counts.most_common()):
                table.add_row(title if position == 0 else "", Text(name), f"{count:,}")
        already = f", {self.before:,} of them before" if self.before else ""
        said = f"{self.ads:,} decisions in {self.out}{already}; "
        said += f"{duration(self.seconds)}, {self.rate:,.1f} ads/s"
        return Group(table, Text(said))
