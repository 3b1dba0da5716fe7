"""`adjudicate library …`: the exemplars."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import curation, encoders, options, transfers
from adjudicate.cli.exits import Exit, fail, run

app = typer.Typer(no_args_is_help=True, help="The known violations, and look-alikes that are fine.")

Category = Annotated[str, typer.Option(help="Category of the exemplar.")]
Rule = Annotated[str, typer.Option(help="Code of the rule that it breaks.")]
Severity = Annotated[str, typer.Option(help="low, medium or high.")]
Polarity = Annotated[str, typer.Option(help="violation or lookalike.")]
Note = Annotated[str, typer.Option(help="Why it is here.")]
AddedBy = Annotated[str, typer.Option(help="Who adds it.")]


class Sort(StrEnum):
    """Orders of a listing."""

    NEWEST = "newest"
    ID = "id"
    FLAGGED = "flagged"
    REJECTED = "rejected"
    OVERTURNED = "overturned"


@app.command()
def add(
    picture: Annotated[Path | None, typer.Argument(help="The picture, if any.")] = None,
    text: Annotated[str, typer.Option(help="The copy.")] = "",
    category: Category = "",
    rule: Rule = "",
    severity: Severity = "medium",
    polarity: Polarity = "violation",
    bank: Annotated[str, typer.Option(help="Its bank; main if not named.")] = "",
    note: Note = "",
    added_by: AddedBy = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Add one exemplar and print its id."""
    from adjudicate.sources import read_picture
    from adjudicate.transfer.reading import exemplar

    if picture is None and not text:
        fail("An exemplar needs a picture, --text, or both.", Exit.USAGE)
    given = {"text": text, "category": category, "rule": rule, "severity": severity}
    fields = {**given, "polarity": polarity, "note": note, "added_by": added_by}
    if bank:
        fields["bank"] = bank

    async def work() -> None:
        image = read_picture(picture) if picture else None
        new = exemplar({**fields, **({"image": image} if image is not None else {})})
        async with options.connect(url, header, timeout) as client:
            held = (await client.library.add(new))[0] if new.problem is None else new
        if held.problem is not None:
            fail(held.problem.detail or held.problem.code, Exit.AD_ERROR)
        if held.repeats:
            print(f"adjudicate: repeats {held.repeats}", file=sys.stderr)
        if held.near_duplicate:
            print(f"adjudicate: nearly repeats {held.near_duplicate}", file=sys.stderr)
        print(held.id)

    run(work())


@app.command("list")
def list_(
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    polarity: Annotated[str, typer.Option(help="Only violation, or only lookalike.")] = "",
    bank: Annotated[str, typer.Option(help="Only this bank.")] = "",
    sort: Annotated[
        Sort, typer.Option(help="By time, by id, or by what became of the ads that it flagged.")
    ] = Sort.NEWEST,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """One page of the library, with hit counts.

    --sort overturned shows first the exemplars whose ads were found compliant most often: they
    flag what they should not.
    """
    from rich.console import Console

    from adjudicate.cli import show_library

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            exemplars = await client.library.list(
                limit=limit,
                offset=offset,
                category=category,
                polarity=polarity,
                bank=bank,
                sort=sort,
            )
        if as_json:
            for exemplar in exemplars:
                print(exemplar.model_dump_json(exclude={"image_embedding", "text_embedding"}))
        else:
            console = Console()
            console.print(show_library.exemplar_table(exemplars, console.width))

    run(work())


@app.command("show")
def show_(
    exemplar_id: Annotated[str, typer.Argument(metavar="ID")],
    save: Annotated[Path | None, typer.Option(help="Write the picture to this file.")] = None,
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """One exemplar: labels, hit counts, who added it, and who changed what."""
    from rich.console import Console

    from adjudicate.cli import show_library

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            exemplar = await client.library.get(exemplar_id)
            changes = [] if as_json else await client.library.changes(exemplar_id)
        if as_json:
            print(exemplar.model_dump_json(exclude={"image_embedding", "text_embedding"}))
        else:
            Console().print(show_library.exemplar_panel(exemplar, changes))
        if save is not None and exemplar.image is not None:
            save.write_bytes(exemplar.image)

    run(work())


@app.command()
def remove(
    exemplar_ids: curation.Ids,
    by: curation.By = "",
    why: curation.Why = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Take exemplars out. Added again, they come back under their ids."""

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            for exemplar_id in exemplar_ids:
                await client.library.remove(exemplar_id, by=curation.who(by), why=why)
                print(exemplar_id)

    run(work())


app.command("import", epilog=transfers.HELP)(transfers.import_)
app.command(epilog=transfers.HELP)(transfers.export)
app.command()(curation.banks)
app.command()(curation.bank)
app.command()(curation.enable)
app.command()(curation.disable)
app.command()(curation.edit)
app.command()(curation.log)
app.command()(encoders.encoders)
app.command()(encoders.reembed)
