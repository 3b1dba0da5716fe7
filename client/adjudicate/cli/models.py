"""`adjudicate models …`: which models the judge may be, and which one it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import completion, options
from adjudicate.cli.exits import Exit, fail, one_sentence, run

if TYPE_CHECKING:
    from adjudicate.documents import ModelVersion

app = typer.Typer(
    no_args_is_help=True,
    help="The judge's models, by their names in models.yml.",
    epilog=options.examples("adjudicate models list", "adjudicate models load shipped"),
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Its name in models.yml.", autocompletion=completion.models
    ),
]


@app.command(
    "list", epilog=options.examples("adjudicate models list", "adjudicate models list --json")
)
@options.connected(timeout=10.0)
def list_(
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """What the running service's judge may load, and which model serves.

    Without a service: the models.yml of the settings here.
    """
    from adjudicate.errors import Code, ServiceError

    async def work() -> list[ModelVersion]:
        async with service.client(retries=0) as client:
            try:
                return await client.models.list()
            except ServiceError as error:
                if error.code is Code.ROOM_UNAVAILABLE:
                    return []
                raise

    found = run(work())
    if as_json:
        for model in found:
            print(model.model_dump_json(exclude_none=True))
        if not found:
            fail(f"The judge at {service.url} does not answer.", Exit.UNAVAILABLE)
    elif found:
        _print_served(found)
    else:
        _print_local(service.url)


@app.command(
    epilog=options.examples("adjudicate models verify", "adjudicate models verify shipped --json")
)
def verify(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="By default all that are here.",
            autocompletion=completion.models,
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Hold models' files, here, against the checksums of models.yml.

    Exits with 1 unless every one of them that is here is as it was recorded.
    """
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "transformers")
        from executors.judge.model_files import checked

        sound = True
        for one in checked(name):
            if one.wrong:
                said, good = one.wrong, False
            elif not one.here:
                said, good = "not here", not name
            elif not one.files:
                said, good = (
                    f"no checksums recorded; run `adjudicate models lock {one.name}`",
                    False,
                )
            else:
                said, good = f"{one.files} files as they were recorded", True
            sound = sound and good
            if as_json:
                found = {"name": one.name, "sound": good, "here": one.here, "files": one.files}
                print(json.dumps({**found, "said": said}))
            else:
                print(f"{one.name}: {said}")
        if not sound:
            raise typer.Exit(Exit.AD_ERROR)


@app.command(epilog=options.examples("adjudicate models lock shipped"))
def lock(name: Name, as_json: options.Json = False) -> None:
    """Record the checksums of a model's files, here, in models.yml.

    From then on the judge starts with no other files. Of a model of the hub the commit is recorded
    too.
    """
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "transformers")
        from executors.judge.model_files import lock as work

        files = work(name)
        if as_json:
            print(json.dumps({"name": name, "files": files}))
        else:
            print(f"{name}: the checksums of {files} files are recorded")


@app.command(
    epilog=options.examples("adjudicate models load shipped", "adjudicate models load big --json")
)
@options.connected(timeout=900.0)
def load(
    name: Name,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Put another model in place of the one that serves, without losing an ad.

    It lasts until the judge starts anew: ADJUDICATE_JUDGE__MODEL says with what. Exits with 1 when
    a replica of the judge has not loaded it.
    """

    async def work() -> list[ModelVersion]:
        async with service.client() as client:
            return await client.models.load(name)

    failed = False
    for replica in run(work()):
        if as_json:
            failed = failed or replica.problem is not None
            print(replica.model_dump_json(exclude_none=True))
        elif replica.problem is None:
            seconds = f"loaded in {replica.load_seconds:.1f} s"
            print(f"{replica.id} serves, version {replica.version}, {seconds}, pid {replica.pid}")
        else:
            failed = True
            where = f"pid {replica.pid}: " if replica.pid else ""
            print(f"{where}{replica.problem.detail}")
    if not as_json:
        print(f"until the judge starts anew; to keep it set ADJUDICATE_JUDGE__MODEL={name}")
    if failed:
        fail("Not every replica has loaded it: the others serve what they did.", Exit.AD_ERROR)


def _print_served(models: Sequence[ModelVersion]) -> None:
    several = len({model.pid for model in models}) > 1
    columns = ("model", "state", "version", "checksums", "load s", "source")
    rows = [
        (
            model.id,
            model.problem.detail if model.problem else model.state,
            model.version,
            _recorded(model.files),
            f"{model.load_seconds:.1f}" if model.state == "serving" else "",
            model.source,
            *((str(model.pid),) if several else ()),
        )
        for model in models
    ]
    _print(columns + (("pid",) if several else ()), rows)


def _print_local(url: str) -> None:
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "transformers")
        from executors.judge.model_files import checked

        rows = []
        for one in checked():
            state = "here" if one.here else "missing"
            sums = one.wrong or ("ok" if one.files and one.here else _recorded(one.files))
            rows.append((one.name, state, sums, one.source))
        _print(("model", "state", "checksums", "source"), rows)
        print(f"No judge answers at {url}: this is the models.yml of the settings here.")


def _recorded(files: int) -> str:
    return f"{files} recorded" if files else "none"


def _print(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from adjudicate.cli.console import Console

    table = Table(*columns, box=box.SIMPLE)
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        console.width = 140
    console.print(table)
