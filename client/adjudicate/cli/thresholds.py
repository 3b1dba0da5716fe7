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
    no_args_is_help=True, help="Versions of the screen's thresholds: which one decides, and since."
)

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="Its id, four characters of it at least.")
]
By = Annotated[str, typer.Option(help="Who does it.")]
Note = Annotated[str, typer.Option(help="Why.")]
Encoder = Annotated[
    str, typer.Option(help="Encoder version, where several have thresholds of the same values.")
]


@app.command("list")
def list_(
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """All versions, the newest first, and the file that counts where none is active."""
    from rich.console import Console

    from adjudicate.cli.threshold_tables import as_json_line, version_table

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            versions = await client.thresholds.list()
        if as_json:
            for version in versions:
                print(as_json_line(version))
        else:
            _wide(Console()).print(version_table(versions))

    run(work())


@app.command()
def show(
    version: Version,
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """One version's thresholds by category and signal. VERSION may be: file."""
    from rich.console import Console

    from adjudicate.cli.threshold_tables import as_json_line, version_panel

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            found = await client.thresholds.get(version)
        if as_json:
            print(as_json_line(found))
        else:
            _wide(Console()).print(version_panel(found))

    run(work())


@app.command()
def diff(
    before: Version,
    after: Annotated[
        str, typer.Argument(metavar="[VERSION]", help="By default the active version, or file.")
    ] = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """What differs between two versions. VERSION may be: file."""
    from rich.console import Console

    from adjudicate.cli.threshold_tables import diff_table

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
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
        _wide(Console()).print(diff_table(one, other))

    run(work())


@app.command()
def activate(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """Let a version decide. Of an older version it is the roll back."""
    run(_set(version, "active", by, note, encoder, url, header, timeout))


@app.command()
def shadow(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """Watch a version on live traffic, without letting it decide."""
    run(_set(version, "shadow", by, note, encoder, url, header, timeout))


@app.command()
def retire(
    version: Version,
    by: By = "",
    note: Note = "",
    encoder: Encoder = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """Take a version out of force. Without an active one, the file's thresholds count."""
    run(_set(version, "retired", by, note, encoder, url, header, timeout))


@app.command()
def compare(
    version: Annotated[
        str, typer.Option(help="A shadow version of the past; by default the present one.")
    ] = "",
    last: Annotated[int, typer.Option(min=1, help="Newest decisions to read.")] = 10_000,
    samples: Annotated[int, typer.Option(min=0, help="Ids of decisions to show.")] = 10,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Active against shadow, on the decisions on record: judge load, and what would be missed."""
    from rich.console import Console

    from adjudicate.cli.threshold_tables import print_comparison
    from adjudicate.shadow import compare as compared

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            if version:
                shadows = [await client.thresholds.get(version)]
            else:
                shadows = [v for v in await client.thresholds.list() if v.state == "shadow"]
            if not shadows:
                fail("No version is shadow: adjudicate calibrate makes one.", Exit.USAGE)
            found = await compared(client, {str(shadow.id) for shadow in shadows}, last)
        print_comparison(_wide(Console()), [str(s.id) for s in shadows], found, samples)

    run(work())


async def _set(
    version: str,
    state: str,
    by: str,
    note: str,
    encoder: str,
    url: str,
    header: list[str] | None,
    seconds: float,
) -> None:
    async with options.connect(url, header, seconds) as client:
        setting: Coroutine[Any, Any, ThresholdVersion] = client.thresholds.set(
            version, state, by=by, note=note, encoder_version=encoder
        )
        _said(await setting)


def _said(version: ThresholdVersion) -> None:
    print(f"version {version.id} of encoder {version.encoder_version} is {version.state}")


def _wide(console: Any) -> Any:
    if not console.is_terminal:
        console.width = 140
    return console
