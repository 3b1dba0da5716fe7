"""`adjudicate audit …`: who did what, and the proof that nobody changed it since."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence, run

if TYPE_CHECKING:
    from adjudicate.documents import AuditCheck, AuditEntry

app = typer.Typer(
    no_args_is_help=True,
    help="The audit trail: who did what, and the proof that nobody changed it since.",
    epilog=options.examples("adjudicate audit verify", "adjudicate audit list --by 'key:*'"),
)

EXITS = """Takes a key with the scope audit.

Exit status: 0; 1 the trail is not whole, or the request was refused; 2 wrong use; 3 the service
is not available."""

Head = Annotated[
    str, typer.Option(metavar="HASH", help="An end that was noted earlier; it must still be there.")
]


@app.command(
    "list",
    epilog=options.examples(
        "adjudicate audit list --subject 0123456789abcdef0123456789abcdef",
        "adjudicate audit list --what reviewed --by key:3f9c01d2a4b5 --since 2025-06-01 --json",
        then=EXITS,
    ),
)
@options.connected(timeout=60.0)
def list_(
    what: Annotated[str, typer.Option(help="As reviewed, or decided.")] = "",
    subject: Annotated[str, typer.Option(metavar="ID", help="What it was done to.")] = "",
    by: Annotated[str, typer.Option(help="Who did it, or a beginning with a *.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="UTC, ISO 8601.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="UTC, ISO 8601.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, at most.")] = 50,
    before: Annotated[int, typer.Option(min=0, help="Only entries with a lower number.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Entries of the trail, the newest first."""

    async def work() -> None:
        async with service.client() as client:
            found = await client.audit.page(
                what=what, subject=subject, by=by, since=since, until=until, before=before,
                limit=limit,
            )  # fmt: skip
        if as_json:
            _print_lines(found)
        elif found:
            _print_table(found)
        else:
            print("No such entry.")

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate audit verify",
        "adjudicate audit verify --head 9a1f…c3 --json",
        "adjudicate audit verify trail.jsonl",
        then=EXITS,
    )
)
@options.connected(timeout=600.0)
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="An export: it is checked here.",
            show_default=False,
        ),
    ] = None,
    head: Head = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Prove that the trail is whole, or name the first entry that is not right.

    Every entry is as it was written and in its place. The service also compares the decisions on
    record with what the trail says of them. Note the end that is printed: with --head it shows
    later that nothing was taken away or written anew since.
    """
    if file is not None:
        _verify_file(file, head, as_json)
        return

    async def work() -> AuditCheck:
        async with service.client() as client:
            return await client.audit.verify(head)

    found = run(work())
    if as_json:
        print(json.dumps(found.model_dump(mode="json", exclude={"id", "problem"})))
    elif found.whole:
        print(f"The trail is whole: {found.entries:,} entries, the last of {found.last_at or '-'}.")
        print(f"{found.decisions:,} decisions are on record as they were decided{_rest(found)}.")
        print(f"Its end: {found.head}")
    if not found.whole:
        fail(f"The trail is not whole: {found.why}.", Exit.AD_ERROR)


@app.command(
    epilog=options.examples(
        "adjudicate audit export trail.jsonl",
        "adjudicate audit export june.jsonl --after 120000",
        "adjudicate audit export - | gzip > trail.jsonl.gz",
        then=EXITS,
    )
)
@options.connected(timeout=60.0)
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines; - is stdout.")],
    after: Annotated[int, typer.Option(min=0, help="Only entries with a higher number.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    *,
    service: options.Service,
) -> None:
    """Write the trail to a file, the oldest entry first. `adjudicate audit verify FILE` checks it
    anywhere."""
    from adjudicate.audit.files import line_of

    async def work() -> tuple[int, str]:
        count, end = 0, ""
        with _written(file, force) as lines:
            async with service.client() as client:
                async for entry in client.audit.entries(after=after):
                    lines.write(line_of(entry) + "\n")
                    count, end = count + 1, entry.hash
        return count, end

    count, end = run(work())
    print(f"adjudicate: {count:,} entries{f', the end is {end}' if end else ''}", file=sys.stderr)


def _verify_file(file: Path, head: str, as_json: bool) -> None:
    from adjudicate.audit.checking import Broken
    from adjudicate.audit.files import check_file

    with one_sentence():
        try:
            chain = check_file(file, head)
        except Broken as broken:
            if as_json:
                print(json.dumps({"whole": False, "broken": broken.number, "why": broken.why}))
            fail(f"{file} is not whole: {broken.why}.", Exit.AD_ERROR)
            raise AssertionError from None  # `fail` leaves
    if as_json:
        said = {"whole": True, "entries": chain.entries, "first": chain.first, "head": chain.hash}
        print(json.dumps(said))
        return
    print(f"{file} is whole: entries {chain.first:,} to {chain.number:,}, up to {chain.at}.")
    if chain.first > 1:
        print(f"It begins after entry {chain.first - 1:,}, whose hash must be {chain.anchor}.")
    print(f"Its end: {chain.hash}")


def _written(file: Path, force: bool) -> Any:
    if str(file) == "-":
        return nullcontext(sys.stdout)
    if file.exists() and not force:
        raise FileExistsError(f"{file} exists; name another file, or say --force.")
    return file.open("w", encoding="utf-8")


def _rest(found: AuditCheck) -> str:
    return f"; {found.unproven:,} cannot be compared any more" if found.unproven else ""


def _print_lines(entries: list[AuditEntry]) -> None:
    from adjudicate.audit.files import line_of

    for entry in entries:
        print(line_of(entry))


def _print_table(entries: list[AuditEntry]) -> None:
    from rich.table import Table
    from rich.text import Text

    from adjudicate.cli.console import Console

    table = Table("number", "at", "what", "subject", "by", "facts", box=None)
    for entry in entries:
        facts = " ".join(f"{name}={_brief(value)}" for name, value in _facts(entry))
        shown = (str(entry.number), entry.at, entry.what, entry.subject, entry.by, facts)
        table.add_row(*(Text(text) for text in shown))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 240)
    console.print(table)


def _facts(entry: AuditEntry) -> list[tuple[str, Any]]:
    return list(json.loads(entry.facts).items())


def _brief(value: Any) -> str:
    """A hash by its beginning."""
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
