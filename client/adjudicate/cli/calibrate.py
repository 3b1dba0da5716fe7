"""`adjudicate calibrate`: thresholds from labelled ads."""

from __future__ import annotations

import sys
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, run

if TYPE_CHECKING:
    from adjudicate.calibration.collect import Collected
    from adjudicate.calibration.proposal import Content, Proposal
    from adjudicate.client import AsyncClient
    from adjudicate.documents import ThresholdVersion

NEEDS = ("scipy", "matplotlib", "jinja2")
_SHOWN_REFUSALS = 20
_PIPED = 150
"""Columns where there is no terminal that has any."""


class NewState(StrEnum):
    """What becomes of the proposed thresholds."""

    SHADOW = "shadow"
    ACTIVE = "active"
    NONE = "none"


@options.connected(timeout=300.0)
def calibrate(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            help="Labelled ads: columns file or text, and label (compliant, violation or the "
            "violation's category); category, group, market and product are optional.",
        ),
    ],
    target_recall: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="Share of each category to be caught.")
    ] = 0.97,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Of the bounds, both sides together.")
    ] = 0.95,
    min_examples: Annotated[
        int, typer.Option(min=2, help="A category with fewer violations keeps its thresholds.")
    ] = 10,
    state: Annotated[
        NewState, typer.Option(help="What the new version becomes; none: only stored.")
    ] = NewState.SHADOW,
    note: Annotated[str, typer.Option(help="Why, or on what ads.")] = "",
    by: Annotated[str, typer.Option(help="Who calibrates.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of report.html, curves.png and the YAML.")] = (
        Path("out/calibration")
    ),
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Propose thresholds that catch a share of the labelled violations, with bounds.

    The ads go through the running service's search. Prints the table, writes the report, and stores
    the thresholds as a new version, by default as shadow: evaluated on live traffic, deciding
    nothing.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        fail(f"calibrate needs {', '.join(missing)}: pip install 'adjudicate[report]'.", Exit.USAGE)
    from adjudicate.calibration.proposal import Wanted, propose
    from adjudicate.cli.console import Console

    console = Console(quiet=as_json)
    if not console.is_terminal:
        console.width = _PIPED

    async def work() -> Exit:
        async with service.client() as client:
            collected = await _collected(client, labelled)
            _say_refused(collected.refused)
            base, near_duplicate = await _in_force(client, collected.encoder)
            wanted = Wanted(target_recall, confidence, min_examples, near_duplicate)
            proposal = propose(collected, base, wanted)
            _print(console, proposal)
            stored = None
            if not dry_run:
                stored = await client.thresholds.add(
                    _version(proposal, collected.encoder, state, note or str(labelled), by)
                )
            _write(out, proposal, collected.encoder, stored, labelled)
            _say_stored(console, stored, out)
            if as_json:
                _print_json(proposal, collected.encoder, stored, len(collected.refused), out)
            return Exit.AD_ERROR if collected.refused else Exit.OK

    status = run(work())
    if status is not Exit.OK:
        raise typer.Exit(status)


async def _collected(client: AsyncClient, path: Path) -> Collected:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from adjudicate.calibration.collect import collect
    from adjudicate.calibration.labelled import count_rows, labelled_at
    from adjudicate.cli.console import Console

    total = count_rows(path)
    shown = Console(stderr=True)
    columns: Any = ("searching", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, disable=not shown.is_terminal) as progress:
        task = progress.add_task("ads", total=total)
        return await collect(client, labelled_at(path), lambda done: progress.advance(task, done))


async def _in_force(client: AsyncClient, encoder: str) -> tuple[Content, float]:
    """The content that counts for this encoder now, and the similarity of a near-duplicate."""
    import json

    versions = await client.thresholds.list()
    active = [v for v in versions if v.state == "active" and v.encoder_version == encoder]
    file = [v for v in versions if v.state == "file"]
    content: Content = json.loads((active or file)[0].content)
    library = [room for room in await client.status() if room.room == "library"]
    said = library[0].facts.get("near_duplicate") if library else None
    return content, float(said or 1.0)


def _version(
    proposal: Proposal, encoder: str, state: NewState, note: str, by: str
) -> ThresholdVersion:
    import json

    from adjudicate.documents import ThresholdVersion

    return ThresholdVersion(
        encoder_version=encoder,
        state="retired" if state is NewState.NONE else str(state),
        content=json.dumps(proposal.content, ensure_ascii=False),
        note=note,
        created_by=by,
        metrics=proposal.metrics(),
    )


def _say_refused(refused: list[str]) -> None:
    for sentence in refused[:_SHOWN_REFUSALS]:
        print(sentence, file=sys.stderr)
    if len(refused) > _SHOWN_REFUSALS:
        print(f"… and {len(refused) - _SHOWN_REFUSALS} more", file=sys.stderr)
    if refused:
        print(f"{len(refused)} rows cannot be used; going on without them", file=sys.stderr)


def _print_json(
    proposal: Proposal, encoder: str, stored: ThresholdVersion | None, refused: int, out: Path
) -> None:
    import json

    said = {
        "version": stored.id if stored else None,
        "state": stored.state if stored else None,
        "encoder": encoder,
        "content": proposal.content,
        "metrics": json.loads(proposal.metrics()),
        "notes": proposal.notes,
        "warnings": proposal.warnings,
        "refused": refused,
        "out": str(out),
    }
    print(json.dumps(said, ensure_ascii=False))


def _print(console: Any, proposal: Proposal) -> None:
    from rich import box
    from rich.table import Table

    from adjudicate.calibration.report import bounds, lines_of, percent
    from adjudicate.calibration.scores import SIGNALS

    table = Table("category", box=box.SIMPLE)
    table.add_column("examples", justify="right")
    for signal in SIGNALS:
        table.add_column(signal)
    for name in ("recall", "bounds", "now", "flagged", "note"):
        table.add_column(name, justify="left" if name in ("bounds", "note") else "right")
    for line in lines_of(proposal):
        recall, now = percent(line.recall), percent(line.now)
        numbers = (recall, bounds(line.recall), now, percent(line.flagged), line.note)
        table.add_row(line.category, str(line.examples), *line.thresholds, *numbers)
    console.print(table)
    then, now_ = proposal.then, proposal.now
    for name, share, before in (
        ("recall", then.recall, now_.recall),
        ("false positives", then.false_positives, now_.false_positives),
    ):
        said = f"{percent(share)} ({bounds(share)}) of {share.total}"
        console.print(f"{name:<16} {said}, now {percent(before)}", highlight=False)
    console.print(
        f"Of held-out rows, five-fold; bounds at {proposal.wanted.confidence:.0%}; "
        "flagged: compliant ads, by this category.",
        style="dim",
        highlight=False,
    )
    for warning in proposal.warnings:
        console.print(warning, style="yellow", highlight=False)


def _write(
    out: Path, proposal: Proposal, encoder: str, stored: ThresholdVersion | None, labelled: Path
) -> None:
    from adjudicate.calibration.figure import curves_png
    from adjudicate.calibration.report import report_html, thresholds_yaml

    out.mkdir(parents=True, exist_ok=True)
    curves = curves_png(proposal)
    (out / "curves.png").write_bytes(curves)
    (out / "thresholds.yaml").write_text(thresholds_yaml(proposal, encoder), encoding="utf-8")
    page = report_html(
        proposal,
        curves,
        encoder=encoder,
        version=str(stored.id) if stored else "",
        state=stored.state if stored else "",
        labelled=labelled.name,
    )
    (out / "report.html").write_text(page, encoding="utf-8")


def _say_stored(console: Any, stored: ThresholdVersion | None, out: Path) -> None:
    files = f"{out}/report.html, curves.png, thresholds.yaml"
    if stored is None:
        console.print(f"nothing stored; {files}", highlight=False)
        return
    console.print(f"version {stored.id} is {stored.state}; {files}", highlight=False)
    if stored.state == "shadow":
        console.print(
            "see what it would do on live traffic: adjudicate thresholds compare", highlight=False
        )
