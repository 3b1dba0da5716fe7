"""`adjudicate library …`: the exemplars."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence, run

app = typer.Typer(no_args_is_help=True, help="The known violations, and look-alikes that are fine.")

Category = Annotated[str, typer.Option(help="Category of the exemplar.")]
Rule = Annotated[str, typer.Option(help="Code of the rule that it breaks.")]
Severity = Annotated[str, typer.Option(help="low, medium or high.")]
Polarity = Annotated[str, typer.Option(help="violation or lookalike.")]
Note = Annotated[str, typer.Option(help="Why it is here.")]
AddedBy = Annotated[str, typer.Option(help="Who adds it.")]


@app.command()
def add(
    picture: Annotated[Path | None, typer.Argument(help="The picture, if any.")] = None,
    text: Annotated[str, typer.Option(help="The copy.")] = "",
    category: Category = "",
    rule: Rule = "",
    severity: Severity = "medium",
    polarity: Polarity = "violation",
    note: Note = "",
    added_by: AddedBy = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Add one exemplar and print its id."""
    from adjudicate.sources import exemplar, read_picture

    if picture is None and not text:
        fail("An exemplar needs a picture, --text, or both.", Exit.USAGE)
    given = {"text": text, "category": category, "rule": rule, "severity": severity}
    fields = {**given, "polarity": polarity, "note": note, "added_by": added_by}

    async def work() -> None:
        image = read_picture(picture) if picture else None
        new = exemplar({**fields, **({"image": image} if image is not None else {})})
        async with options.connect(url, header, timeout) as client:
            held = (await client.library.add(new))[0]
        if held.problem is not None:
            fail(held.problem.detail or held.problem.code, Exit.AD_ERROR)
        print(held.id)

    run(work())


@app.command("list")
def list_(
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    polarity: Annotated[str, typer.Option(help="Only violation, or only lookalike.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """One page of the library."""
    from rich.console import Console

    from adjudicate.cli import show

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            exemplars = await client.library.list(
                limit=limit, offset=offset, category=category, polarity=polarity
            )
        if as_json:
            for exemplar in exemplars:
                print(exemplar.model_dump_json(exclude={"image_embedding", "text_embedding"}))
        else:
            Console().print(show.exemplar_table(exemplars))

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
    """One exemplar."""
    from rich.console import Console

    from adjudicate.cli import show

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            exemplar = await client.library.get(exemplar_id)
        if as_json:
            print(exemplar.model_dump_json(exclude={"image_embedding", "text_embedding"}))
        else:
            Console().print(show.exemplar_panel(exemplar))
        if save is not None and exemplar.image is not None:
            save.write_bytes(exemplar.image)

    run(work())


@app.command()
def remove(
    exemplar_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Take exemplars out."""

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            for exemplar_id in exemplar_ids:
                await client.library.remove(exemplar_id)
                print(exemplar_id)

    run(work())


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="DIR|CSV")],
    category: Category = "",
    rule: Rule = "",
    severity: Severity = "medium",
    polarity: Polarity = "violation",
    added_by: AddedBy = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 300.0,
) -> None:
    """Add all exemplars of a CSV file, or of a folder with an exemplars.csv or with pictures.

    Columns: file, text, category, rule, severity, polarity, note; the options fill what a row
    leaves empty. An exemplar's id comes from its content: a second import adds nothing.
    """
    from adjudicate.cli.importing import import_exemplars
    from adjudicate.sources import exemplars_at

    given = {"category": category, "rule": rule, "severity": severity, "polarity": polarity}
    fields = {**given, "added_by": added_by}

    async def work() -> int:
        async with options.connect(url, header, timeout) as client:
            added, refused = await import_exemplars(client, exemplars_at(path, fields))
        for problem in refused:
            print(f"adjudicate: {problem}", file=sys.stderr)
        print(f"{added} exemplars added")
        return len(refused)

    with one_sentence():
        if run(work()):
            raise typer.Exit(Exit.AD_ERROR)
