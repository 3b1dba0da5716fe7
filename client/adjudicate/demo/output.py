"""What the demo leaves: a table and a summary on the screen, demo.json, report.html."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from adjudicate.cli.show import DecisionTable, summary
from adjudicate.demo.metrics import Numbers, Quality, numbers
from adjudicate.demo.report import render
from adjudicate.demo.session import Session


def write(session: Session, out: Path, console: Console) -> None:
    """Print, and write `demo.json` and `report.html` to `out`."""
    counted = numbers(session)
    table = DecisionTable(console)
    for decision in session.decisions.values():
        table.add(decision)
    total = session.runs[0].seconds
    console.print(summary(counted.outcomes, total))
    console.print(speed_table(counted))
    console.print(
        f"not approved: {words(counted.not_approved)}\n"
        f"reject: {words(counted.reject)}\n"
        f"judged: {counted.judged} of {counted.ads}"
    )
    said = json.dumps(as_json(session, counted), ensure_ascii=False, indent=2)
    (out / "demo.json").write_text(said, encoding="utf-8")
    (out / "report.html").write_text(render(session, counted), encoding="utf-8")
    for sentence in session.broken:
        console.print(sentence, style="bold red", highlight=False)
    if not session.broken:
        console.print("no ad lost, all protocols agree, only broken ads err", style="bold green")
    console.print(f"{out / 'report.html'}, {out / 'demo.json'}", highlight=False)


def words(quality: Quality) -> str:
    """Precision and recall with the counts behind them."""

    def share(value: float | None) -> str:
        return "—" if value is None else f"{value:.2f}"

    hits, alarms, missed = quality.true_positive, quality.false_positive, quality.false_negative
    return (
        f"precision {share(quality.precision)}, recall {share(quality.recall)} "
        f"({hits} caught, {alarms} false, {missed} missed)"
    )


def speed_table(counted: Numbers) -> Table:
    """Seconds and percentiles per protocol."""
    table = Table("protocol", "seconds", "p50 ms", "p95 ms", "from cache", box=box.SIMPLE)
    for speed in counted.speeds:
        times = (f"{speed.seconds:.1f}", f"{speed.p50:.0f}", f"{speed.p95:.0f}")
        table.add_row(speed.protocol, *times, str(speed.cached))
    return table


def as_json(session: Session, counted: Numbers) -> dict[str, Any]:
    """Everything but the pictures."""
    return {
        "ok": not session.broken,
        "broken": session.broken,
        "exemplars": session.library_size,
        "rooms": [room.model_dump(mode="json", exclude={"id"}) for room in session.rooms],
        "numbers": counted.as_dict(),
        "ads": [
            {
                "id": sample.ad_id,
                "label": sample.label,
                "rule": sample.rule,
                "kind": sample.kind,
                "ms": {run.protocol: run.ms.get(sample.ad_id) for run in session.runs},
                "decision": (
                    session.decisions[sample.ad_id].model_dump(mode="json")
                    if sample.ad_id in session.decisions
                    else None
                ),
            }
            for sample in session.samples
        ],
    }
