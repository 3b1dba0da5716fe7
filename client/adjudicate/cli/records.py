"""`adjudicate records …`: decisions found again, exported, expired and erased."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence, run

if TYPE_CHECKING:
    from adjudicate.documents import DecisionRow, Erasure, Expiry

EXITS = """Exit status: 0; 1 the request was refused; 2 wrong use; 3 the service is not
available."""

app = typer.Typer(
    no_args_is_help=True,
    help="What is on record: search, export, retention, erasure.",
    epilog=options.examples(
        "adjudicate records search --text 'cures diabetes'",
        "adjudicate records export march.csv --since 2026-03-01 --until 2026-04-01",
        "adjudicate records erase --advertiser 'Acme Health' --dry-run",
    ),
)

Outcome = Annotated[
    str, typer.Option(metavar="OUTCOME", help="What counts now: approve, reject, escalate, error.")
]
Rule = Annotated[str, typer.Option(metavar="CODE", help="A rule's code; HF-* is a beginning.")]
Advertiser = Annotated[str, typer.Option(metavar="NAME", help="The advertiser's name, exactly.")]
Since = Annotated[str, typer.Option(metavar="TIME", help="Decided then or later; ISO 8601, UTC.")]
Until = Annotated[str, typer.Option(metavar="TIME", help="Decided before then.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]


@app.command(
    epilog=options.examples(
        "adjudicate records search --text 'cures diabetes' --outcome approve",
        "adjudicate records search --phash 9c3f…e1 --limit 20 --json",
        then=f"Takes a key with the scope review-console, review-lead or audit.\n\n{EXITS}",
    )
)
@options.connected(timeout=60.0)
def search(
    decision: Annotated[
        str, typer.Option("--id", metavar="ID", help="Of a decision, or of its ad.")
    ] = "",
    text: Annotated[str, typer.Option(help="Stands in the copy, however it is written.")] = "",
    picture: Annotated[
        str, typer.Option(metavar="SHA-256", help="Of a picture's bytes: these very bytes.")
    ] = "",
    phash: Annotated[str, typer.Option(metavar="PDQ", help="Near-duplicates, nearest first.")] = "",
    advertiser: Advertiser = "",
    outcome: Outcome = "",
    rule: Rule = "",
    since: Since = "",
    until: Until = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, at most.")] = 50,
    after: Annotated[str, typer.Option(metavar="ID", help="The last id of the page before.")] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Decisions by what they are about and what became of them, the newest first."""
    given = {"decision": decision, "text": text, "picture": picture, "phash": phash}
    more = {"advertiser": advertiser, "outcome": outcome, "rule": rule, "after": after}

    async def work() -> list[DecisionRow]:
        async with service.client() as client:
            return await client.records.search(
                **given, **more, since=since, until=until, limit=limit
            )

    found = run(work())
    if as_json:
        for row in found:
            print(row.model_dump_json(exclude={"problem"}))
    elif found:
        _print_rows(found)
    else:
        print("No such decision.")


@app.command(
    epilog=options.examples(
        "adjudicate records export march.csv --since 2026-03-01 --until 2026-04-01",
        "adjudicate records export rejects.parquet --outcome reject",
        then="Takes a key with the scope audit or review-lead; the audit trail notes it.\n\n"
        f"{EXITS}",
    )
)
@options.connected(timeout=120.0)
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .csv, .jsonl or .parquet.")],
    outcome: Outcome = "",
    rule: Rule = "",
    advertiser: Advertiser = "",
    since: Since = "",
    until: Until = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    *,
    service: options.Service,
) -> None:
    """Write decisions with their evidence to a file, the oldest first."""
    from adjudicate.record_files import write

    filters = {"outcome": outcome, "rule": rule, "advertiser": advertiser}

    async def work() -> int:
        async with service.client() as client:
            rows = client.records.export(**filters, since=since, until=until)
            return await write(rows, file, force=force)

    count = run(work())
    print(f"adjudicate: {count:,} decisions in {file}", file=sys.stderr)


@app.command(
    epilog=options.examples(
        "adjudicate records expire --dry-run",
        "adjudicate records expire",
        then=f"Takes a key with the scope admin.\n\n{EXITS}",
    )
)
@options.connected(timeout=3600.0)
def expire(
    dry_run: DryRun = False,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Delete now what is past the time that the service keeps it.

    The service does so by itself now and then: ADJUDICATE_RETENTION__EVERY_S.
    """

    async def work() -> Expiry:
        async with service.client() as client:
            return await client.records.expire(dry_run=dry_run)

    done = run(work())
    if as_json:
        print(done.model_dump_json(exclude={"id", "by", "problem"}))
        return
    verb = "Past their time" if dry_run else "Deleted"
    print(
        f"{verb}: the pictures of {done.pictures:,} ads, copy and advertiser of "
        f"{done.copies:,}, and {done.decisions:,} decisions."
    )


@app.command(
    epilog=options.examples(
        "adjudicate records erase --ad ad-4711 --dry-run",
        "adjudicate records erase --advertiser 'Acme Health' --yes",
        then=f"Takes a key with the scope admin.\n\n{EXITS}",
    )
)
@options.connected(timeout=3600.0)
def erase(
    ad: Annotated[str, typer.Option(metavar="ID", help="Of an ad, or of one decision.")] = "",
    advertiser: Advertiser = "",
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be undone.")] = False,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Erase what is personal about an ad, or about all ads of an advertiser.

    Copy, advertiser, context, quotes, notes and pictures go. The decisions stay, with outcome and
    rule, and the audit trail stays whole.
    """
    with one_sentence():
        if bool(ad) == bool(advertiser):
            fail("Say --ad or --advertiser.", Exit.USAGE)
        if not (dry_run or yes):
            fail("Say --dry-run to see what it would be, or --yes to erase it.", Exit.USAGE)

    async def work() -> Erasure:
        async with service.client() as client:
            return await client.records.erase(ad=ad, advertiser=advertiser, dry_run=dry_run)

    done = run(work())
    if as_json:
        print(done.model_dump_json(exclude={"id", "by", "problem"}))
    else:
        _print_erasure(done)


def _print_erasure(done: Erasure) -> None:
    verb = "Would be erased" if done.dry_run else "Erased"
    print(f"{verb}: {done.decisions:,} decisions' ads, {done.pictures:,} pictures.")
    if done.pictures_held:
        print(f"Other ads hold {done.pictures_held:,} of their pictures too: those are left.")
    if done.exemplars:
        print("These exemplars were made of them and are left; `adjudicate library remove` each:")
        for exemplar in done.exemplars:
            print(f"  {exemplar}")


def _print_rows(rows: list[DecisionRow]) -> None:
    from rich.table import Table
    from rich.text import Text

    from adjudicate.cli.console import Console

    near = any(row.distance is not None for row in rows)
    headings = ("decided", "decision", "ad", "outcome", "rule", "advertiser", "copy")
    table = Table(*headings, *(("bits",) if near else ()), box=None)
    for row in rows:
        cells = [row.decided_at[:19], row.id, row.ad_id, _outcome(row), row.rule]
        cells += [row.advertiser, row.excerpt[:60], *((str(row.distance),) if near else ())]
        table.add_row(*(Text(str(cell)) for cell in cells))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 240)
    console.print(table)


def _outcome(row: Any) -> str:
    if row.ruling_outcome and row.ruling_outcome != row.outcome:
        return f"{row.ruling_outcome} (was {row.outcome})"
    return str(row.outcome)
