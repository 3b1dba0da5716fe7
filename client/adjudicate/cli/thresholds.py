"""`adjudicate thresholds …`: versions of the screen's thresholds."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, run

if TYPE_CHECKING:
    from adjudicate.documents import ThresholdVersion

app = typer.Typer(
    no_args_is_help=True,
    help="Versions of the screen's thresholds: which one decides, and since.",
    epilog=options.examples(
        "adjudicate thresholds list", "adjudicate thresholds activate 0123abcd --by mei"
    ),
)

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="Its id, four characters of it at least.")
]
By = Annotated[str, typer.Option(help="Who does it.")]
Note = Annotated[str, typer.Option(help="Why.")]
Encoder = Annotated[
    str, typer.Option(help="Encoder version, where several have thresholds of the same values.")
]


@app.command("list", epilog=options.examples("adjudicate thresholds list --json"))
@options.connected(timeout=30.0)
def list_(
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """All versions, the newest first, and the file that counts where none is active."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.threshold_tables import as_json_line, version_table

    async def work() -> None:
        async with service.client() as client:
            versions = await client.thresholds.list()
        if as_json:
            for version in versions:
                print(as_json_line(version))
        else:
            _wide(Console()).print(version_table(versions))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate thresholds show 0123abcd", "adjudicate thresholds show file --json"
    )
)
@options.connected(timeout=30.0)
def show(
    version: Version,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """One version's thresholds by category and signal. VERSION may be: file."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.threshold_tables import as_json_line, version_panel

    async def work() -> None:
        async with service.client() as client:
            found = await client.thresholds.get(version)
        if as_json:
            print(as_json_line(found))
        else:
            _wide(Console()).print(version_panel(found))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate thresholds diff 0123abcd", "adjudicate thresholds diff file 0123abcd --json"
    )
)
@options.connected(timeout=30.0)
def diff(
    before: Version,
    after: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="By default the active version, or file.")
    ] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """What differs between two versions. VERSION may be: file."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.threshold_tables import diff_as_json, diff_table

    async def work() -> None:
        async with service.client() as client:
            one = await client.thresholds.get(before)
            if after:
                other = await client.thresholds.get(after)
            else:
                versions = await client.thresholds.list()
                active = [
                    held
                    for held in versions
                    if held.state == "active" and one.encoder_version in ("", held.encoder_version)
                ]
                other = (active or [held for held in versions if held.state == "file"])[0]
        if as_json:
            print(diff_as_json(one, other))
        else:
            _wide(Console()).print(diff_table(one, other))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate thresholds activate 0123abcd --by mei --note 'calibrated in March'"
    )
)
@options.connected(timeout=30.0)
def activate(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Let a version decide. Of an older version it is the roll back."""
    run(_set(version, "active", by, note, encoder, service, as_json))


@app.command(epilog=options.examples("adjudicate thresholds shadow 0123abcd"))
@options.connected(timeout=30.0)
def shadow(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Watch a version on live traffic, without letting it decide."""
    run(_set(version, "shadow", by, note, encoder, service, as_json))


@app.command(
    epilog=options.examples("adjudicate thresholds retire 0123abcd --note 'flags too much'")
)
@options.connected(timeout=30.0)
def retire(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Take a version out of force. Without an active one, the file's thresholds count."""
    run(_set(version, "retired", by, note, encoder, service, as_json))


@app.command(
    epilog=options.examples(
        "adjudicate thresholds compare", "adjudicate thresholds compare --last 1000 --json"
    )
)
@options.connected(timeout=60.0)
def compare(
    version: Annotated[
        str, typer.Option(help="A shadow version of the past; by default the present one.")
    ] = "",
    last: Annotated[int, typer.Option(min=1, help="Newest decisions to read.")] = 10_000,
    samples: Annotated[int, typer.Option(min=0, help="Ids of decisions to show.")] = 10,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Active against shadow, on the decisions on record: judge load, and what would be missed."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.threshold_tables import comparison_as_json, print_comparison
    from adjudicate.shadow import compare as compared

    async def work() -> None:
        async with service.client() as client:
            if version:
                shadows = [await client.thresholds.get(version)]
            else:
                shadows = [v for v in await client.thresholds.list() if v.state == "shadow"]
            if not shadows:
                fail("No version is shadow: adjudicate calibrate makes one.", Exit.USAGE)
            found = await compared(client, {str(shadow.id) for shadow in shadows}, last)
        ids = [str(shadow.id) for shadow in shadows]
        if as_json:
            print(comparison_as_json(ids, found, samples))
        else:
            print_comparison(_wide(Console()), ids, found, samples)

    run(work())


async def _set(
    version: str,
    state: str,
    by: str,
    note: str,
    encoder: str,
    service: options.Service,
    as_json: bool,
) -> None:
    async with service.client() as client:
        setting: Coroutine[Any, Any, ThresholdVersion] = client.thresholds.set(
            version, state, by=by, note=note, encoder_version=encoder
        )
        _said(await setting, as_json)


def _said(version: ThresholdVersion, as_json: bool) -> None:
    if as_json:
        from adjudicate.cli.threshold_tables import as_json_line

        print(as_json_line(version))
        return
    print(f"version {version.id} of encoder {version.encoder_version} is {version.state}")


def _wide(console: Any) -> Any:
    if not console.is_terminal:
        console.width = 140
    return console
