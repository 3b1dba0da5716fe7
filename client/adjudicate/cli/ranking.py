"""`adjudicate rank` and `adjudicate classify`: what CLIP makes of pictures and words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, run

if TYPE_CHECKING:
    from adjudicate.documents import Ranking

_WHAT = "the path of a picture, or else a text"


@options.connected(timeout=60.0)
def rank(
    query: Annotated[str, typer.Argument(metavar="QUERY", help=f"What to compare: {_WHAT}.")],
    candidates: Annotated[
        list[str], typer.Argument(metavar="CANDIDATE...", help=f"With what: each {_WHAT}.")
    ],
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Rank texts or pictures by how like a picture or text they are, the best first."""

    async def work() -> list[Ranking]:
        from adjudicate.documents import Ranking

        asked = Ranking.of(_thing(query), [_thing(candidate) for candidate in candidates])
        async with service.client() as client:
            return await client.rank(asked)

    _show([query], run(work()), candidates, as_json)


@options.connected(timeout=60.0)
def classify(
    things: Annotated[list[str], typer.Argument(metavar="WHAT...", help=f"Each {_WHAT}.")],
    label: Annotated[list[str], typer.Option(help="A label; give two or more.")],
    template: Annotated[
        str, typer.Option(help="A sentence with {} for the label, as 'a photo of a {}'.")
    ] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Give pictures or texts the most probable of the labels, without training."""

    async def work() -> list[Ranking]:
        async with service.client() as client:
            return await client.classify([_thing(one) for one in things], label, template)

    _show(things, run(work()), label, as_json)


def _thing(said: str) -> bytes | str:
    from adjudicate.sources import read_picture

    # A text may be longer than a path can be.
    path = Path(said) if len(said) < 1_000 else None
    return read_picture(path) if path is not None and path.is_file() else said


def _show(things: list[str], rankings: list[Ranking], named: list[str], as_json: bool) -> None:
    """Print the answers; leaves with status 1 when a query or a candidate has a problem."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from adjudicate.cli.console import Console

    failed = False
    table = Table("what", "candidate", "similarity", "probability", box=box.SIMPLE)
    for thing, ranking in zip(things, rankings, strict=True):
        failed |= ranking.problem is not None
        if as_json:
            print(ranking.model_dump_json(exclude={"image", "template"}))
        elif ranking.problem is not None:
            table.add_row(Text(thing), Text(ranking.problem.detail or ranking.problem.code))
        for candidate in ranking.candidates if ranking.problem is None else ():
            problem = candidate.problem
            failed |= problem is not None
            scores = (f"{candidate.similarity:.3f}", f"{candidate.probability:.3f}")
            said = (problem.detail or problem.code, "") if problem is not None else scores
            table.add_row(Text(thing), Text(named[candidate.place]), *map(Text, said))
    if not as_json:
        Console().print(table)
    if failed:
        raise typer.Exit(Exit.AD_ERROR)
