"""`adjudicate library …`: the exemplars."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import completion, curation, encoders, options, transfers
from adjudicate.cli.exits import Exit, fail, run

app = typer.Typer(
    no_args_is_help=True,
    help="The known violations, and look-alikes that are fine.",
    epilog=options.examples(
        "adjudicate library import samples/exemplars", "adjudicate library list --sort flagged"
    ),
)

Category = Annotated[
    str, typer.Option(help="Category of the exemplar.", autocompletion=completion.categories)
]
Rule = Annotated[
    str, typer.Option(help="Code of the rule that it breaks.", autocompletion=completion.rules)
]
Severity = Annotated[options.Severity, typer.Option(help="How bad what it shows is.")]
Polarity = Annotated[options.Polarity, typer.Option(help="Whether it is one, or only looks alike.")]
Note = Annotated[str, typer.Option(help="Why it is here.")]
AddedBy = Annotated[str, typer.Option(help="Who adds it.")]


class Sort(StrEnum):
    """Orders of a listing."""

    NEWEST = "newest"
    ID = "id"
    FLAGGED = "flagged"
    REJECTED = "rejected"
    OVERTURNED = "overturned"


@app.command(
    epilog=options.examples(
        "adjudicate library add ad.jpg --category cure-claim --rule CN-AL-16",
        "adjudicate library add --text 'Cures diabetes' --severity high --json",
    )
)
@options.connected(timeout=60.0)
def add(
    picture: Annotated[Path | None, typer.Argument(help="The picture, if any.")] = None,
    text: Annotated[str, typer.Option(help="The copy.")] = "",
    category: Category = "",
    rule: Rule = "",
    severity: Severity = options.Severity.MEDIUM,
    polarity: Polarity = options.Polarity.VIOLATION,
    bank: Annotated[str, typer.Option(help="Its bank; main if not named.")] = "",
    note: Note = "",
    added_by: AddedBy = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Add one exemplar and print its id."""
    from adjudicate.sources import read_picture
    from adjudicate.transfer.reading import exemplar

    if picture is None and not text:
        fail("An exemplar needs a picture, --text, or both.", Exit.USAGE)
    given = {"text": text, "category": category, "rule": rule, "severity": str(severity)}
    fields = {**given, "polarity": str(polarity), "note": note, "added_by": added_by}
    if bank:
        fields["bank"] = bank

    async def work() -> None:
        image = read_picture(picture) if picture else None
        new = exemplar({**fields, **({"image": image} if image is not None else {})})
        async with service.client() as client:
            held = (await client.library.add(new))[0] if new.problem is None else new
        if held.problem is not None:
            fail(held.problem.detail or held.problem.code, Exit.AD_ERROR)
        if as_json:
            print(held.model_dump_json(exclude={"image", *curation.VECTORS}))
            return
        if held.repeats:
            print(f"adjudicate: repeats {held.repeats}", file=sys.stderr)
        if held.near_duplicate:
            print(f"adjudicate: nearly repeats {held.near_duplicate}", file=sys.stderr)
        print(held.id)

    run(work())


@app.command(
    "list",
    epilog=options.examples(
        "adjudicate library list --sort overturned --limit 20",
        "adjudicate library list --polarity lookalike --json",
    ),
)
@options.connected(timeout=60.0)
def list_(
    category: Annotated[
        str, typer.Option(help="Only this category.", autocompletion=completion.categories)
    ] = "",
    polarity: Annotated[
        options.Polarity | None, typer.Option(help="Only exemplars of this kind.")
    ] = None,
    bank: Annotated[str, typer.Option(help="Only this bank.")] = "",
    sort: Annotated[
        Sort, typer.Option(help="By time, by id, or by what became of the ads that it flagged.")
    ] = Sort.NEWEST,
    limit: Annotated[int, typer.Option(min=1, help="Exemplars at most.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Exemplars to pass over.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """One page of the library, with hit counts.

    --sort overturned shows first the exemplars whose ads were found compliant most often: they
    flag what they should not.
    """
    from adjudicate.cli import show_library
    from adjudicate.cli.console import Console

    async def work() -> None:
        async with service.client() as client:
            exemplars = await client.library.list(
                limit=limit,
                offset=offset,
                category=category,
                polarity=str(polarity or ""),
                bank=bank,
                sort=sort,
            )
        if as_json:
            for exemplar in exemplars:
                print(exemplar.model_dump_json(exclude=curation.VECTORS))
        else:
            console = Console()
            console.print(show_library.exemplar_table(exemplars, console.width))

    run(work())


@app.command(
    "show",
    epilog=options.examples(
        "adjudicate library show 0123456789abcdef --save exemplar.jpg",
        "adjudicate library show 0123456789abcdef --json",
    ),
)
@options.connected(timeout=60.0)
def show_(
    exemplar_id: Annotated[str, typer.Argument(metavar="ID", help="Of the exemplar.")],
    save: Annotated[Path | None, typer.Option(help="Write the picture to this file.")] = None,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """One exemplar: labels, hit counts, who added it, and who changed what."""
    from adjudicate.cli import show_library
    from adjudicate.cli.console import Console

    async def work() -> None:
        async with service.client() as client:
            exemplar = await client.library.get(exemplar_id)
            changes = [] if as_json else await client.library.changes(exemplar_id)
        if as_json:
            print(exemplar.model_dump_json(exclude=curation.VECTORS))
        else:
            Console().print(show_library.exemplar_panel(exemplar, changes))
        if save is not None and exemplar.image is not None:
            save.write_bytes(exemplar.image)

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate library remove 0123456789abcdef --why 'not a violation'",
        "adjudicate library list --category tea --json | jq -r .id | "
        "xargs adjudicate library remove",
    )
)
@options.connected(timeout=60.0)
def remove(
    exemplar_ids: curation.Ids,
    by: curation.By = "",
    why: curation.Why = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Take exemplars out. Added again, they come back under their ids."""

    async def work() -> None:
        async with service.client() as client:
            for exemplar_id in exemplar_ids:
                await client.library.remove(exemplar_id, by=curation.who(by), why=why)
                print(json.dumps({"id": exemplar_id, "removed": True}) if as_json else exemplar_id)

    run(work())


app.command(
    "import",
    epilog=options.examples(
        "adjudicate library import samples/exemplars --dry-run",
        "adjudicate library import violations.csv --bank march --added-by mei",
        then=transfers.HELP,
    ),
)(transfers.import_)
app.command(
    epilog=options.examples(
        "adjudicate library export backup",
        "adjudicate library export violations.csv --polarity violation",
        then=transfers.HELP,
    )
)(transfers.export)
app.command(epilog=options.examples("adjudicate library banks --json"))(curation.banks)
app.command(
    epilog=options.examples(
        "adjudicate library bank march --off --note 'flags too much'",
        "adjudicate library bank march --on",
    )
)(curation.bank)
app.command(epilog=options.examples("adjudicate library enable 0123456789abcdef --by mei"))(
    curation.enable
)
app.command(
    epilog=options.examples("adjudicate library disable 0123456789abcdef --why 'overturned'")
)(curation.disable)
app.command(
    epilog=options.examples(
        "adjudicate library edit 0123456789abcdef --rule CN-AL-16 --severity high"
    )
)(curation.edit)
app.command(
    epilog=options.examples(
        "adjudicate library log --limit 20", "adjudicate library log 0123456789abcdef --json"
    )
)(curation.log)
app.command(
    epilog=options.examples(
        "adjudicate library encoders", "adjudicate library encoders --drop 0123456789ab"
    )
)(encoders.encoders)
app.command(
    epilog=options.examples(
        "adjudicate library reembed --dry-run",
        "adjudicate library reembed --model ViT-L-14 --pretrained laion2b_s32b_b82k",
    )
)(encoders.reembed)
