"""`adjudicate library import` and `export`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import completion, options
from adjudicate.cli.exits import Exit, fail, one_sentence, run

HELP = """Exit status: 0 all went well; 1 at least one row was refused; 2 wrong use, or a file that
cannot be read; 3 the service is not available: what was done stays, run it again to go on."""

Bank = Annotated[str, typer.Option(help="For rows that name no bank; main if none does.")]


@contextmanager
def progress(what: str, total: Callable[[], int | None]) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal, and nothing elsewhere. Yields what takes steps."""
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from adjudicate.cli.console import Console

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total())
        yield lambda steps: bar.advance(task, steps)


@options.connected(timeout=300.0)
def import_(
    path: Annotated[Path, typer.Argument(metavar="DIR|CSV|JSONL|PICTURE", help="What to read.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, report the same, change nothing.")
    ] = False,
    category: Annotated[
        str,
        typer.Option(help="For rows that name no category.", autocompletion=completion.categories),
    ] = "",
    rule: Annotated[
        str,
        typer.Option(help="For rows that name no rule: its code.", autocompletion=completion.rules),
    ] = "",
    severity: Annotated[
        options.Severity | None, typer.Option(help="For rows that do not say.")
    ] = None,
    polarity: Annotated[
        options.Polarity | None, typer.Option(help="For rows that do not say.")
    ] = None,
    bank: Bank = "",
    added_by: Annotated[str, typer.Option(help="For rows that do not say who adds them.")] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Add the exemplars of a CSV file, of JSON lines, or of a folder.

    A folder has an exemplars.csv or exemplars.jsonl, or pictures only, searched recursively.

    Columns: id, file (of the picture), text, category, rule, severity, polarity, bank, enabled,
    note, added_by, added_at; all may be empty. JSON lines have the same names, and the picture as
    base64 in `image`. What the library holds already is not sent again, so that an import that
    was stopped goes on where it was. Each row that repeats another exemplar, or nearly does, is
    named; refused rows are named with their number.
    """
    from adjudicate.transfer.importing import import_banks, import_exemplars
    from adjudicate.transfer.reading import banks_at, count_at, rows_at

    given = {"category": category, "rule": rule, "severity": severity, "polarity": polarity}
    fields = {name: str(value or "") for name, value in given.items()}
    fields |= {"bank": bank, "added_by": added_by}

    say = None if as_json else _say  # else the sentences stand in the object

    async def work() -> int:
        with progress("importing", lambda: count_at(path)) as advance:
            async with service.client() as client:
                for line in await import_banks(client, banks_at(path), dry_run=dry_run):
                    _say(line)
                report = await import_exemplars(
                    client, rows_at(path, fields), dry_run=dry_run, on_rows=advance, say=say
                )
        if as_json:
            print(json.dumps({**asdict(report), "dry_run": dry_run}, ensure_ascii=False))
        else:
            print(f"{report}{' (dry run: nothing was changed)' if dry_run else ''}")
        return report.refused

    with one_sentence():
        if run(work()):
            raise typer.Exit(Exit.AD_ERROR)


@options.connected(timeout=300.0)
def export(
    path: Annotated[Path, typer.Argument(metavar="DIR|CSV|JSONL", help="What to write.")],
    kind: Annotated[
        str, typer.Option("--format", help="folder, csv or jsonl; by default by PATH's ending.")
    ] = "",
    bank: Annotated[str, typer.Option(help="Only this bank.")] = "",
    category: Annotated[
        str, typer.Option(help="Only this category.", autocompletion=completion.categories)
    ] = "",
    polarity: Annotated[
        options.Polarity | None, typer.Option(help="Only exemplars of this kind.")
    ] = None,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Write the exemplars where `import` can read them.

    With id, labels, notes, who and when; pictures as files named by their content, or in JSON lines
    as base64. Pictures that are there already are not fetched again, so that an export that was
    stopped goes on where it was. A folder also gets a banks.csv that says which banks are off.
    """
    from adjudicate.transfer.exporting import FORMATS, export_exemplars, format_of

    wanted = kind or format_of(path)
    if wanted not in FORMATS:
        fail(f"The format must be one of {', '.join(FORMATS)}.", Exit.USAGE)

    async def work() -> None:
        with progress("exporting", lambda: None) as advance:
            async with service.client() as client:
                filters = {"bank": bank, "category": category, "polarity": str(polarity or "")}
                report = await export_exemplars(client, path, wanted, on_rows=advance, **filters)
                off = [b.name for b in await client.library.banks() if not b.enabled]
        if off and wanted != "folder":
            _say(f"a {wanted} file does not say which banks are off; here: {', '.join(off)}")
        print(json.dumps({**asdict(report), "out": str(path)}) if as_json else f"{report}: {path}")

    run(work())


def _say(line: str) -> None:
    print(f"adjudicate: {line}", file=sys.stderr)
