"""`adjudicate profile`: where the time of a review goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, one_sentence, run

if TYPE_CHECKING:
    from adjudicate.documents import Ad
    from adjudicate.profiling.collect import Profile

MADE = 64
"""Different ads where none are named."""

EXAMPLES = options.examples(
    "adjudicate profile",
    "adjudicate profile samples/manifest.csv --ads 200 --concurrency 8 --out profile.html",
    "adjudicate profile ads/ --request-size 32 --url http://localhost:51001 --json",
    then="The times of a stage are the means over all ads: an ad that the judge is not asked about "
    "has none in its stage.",
)


@options.connected(timeout=120.0)
def profile(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|DIR|URL|-]",
            help="Ads, as for review; without, made ones of about 100 KB with harmless copy.",
        ),
    ] = None,
    ads: Annotated[int, typer.Option(min=1, help="How many to send, some again if need be.")] = 100,
    request_size: Annotated[int, typer.Option(min=1, help="Ads in one request.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Draw it too: .html, .svg or .png. Needs matplotlib (pip install "
            "'adjudicate[report]')."
        ),
    ] = None,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Review ads and say where their time goes: network, gateway, each room, its model.

    The decisions are recorded as any others. Exits with 1 when an ad has outcome error.
    """

    async def work() -> Profile:
        from adjudicate.profiling.collect import collect

        sent = _ads(what, ads)
        async with service.client(retries=0, request_size=request_size) as client:
            with _progress(ads, as_json) as moved:
                return await collect(
                    client,
                    sent,
                    ads,
                    request_size=request_size,
                    concurrency=concurrency,
                    moved=moved,
                )

    with one_sentence():
        if out is not None:
            _check(out)
    found = run(work())
    _print(found, as_json)
    if out is not None:
        with one_sentence():
            _draw(found, out)
    if found.outcomes["error"]:
        raise typer.Exit(Exit.AD_ERROR)


def _ads(what: str | None, count: int) -> list[Ad]:
    """Raises `ConfigurationError` where ads have to be made and Pillow is missing."""
    if what is not None:
        from itertools import islice

        from adjudicate.cli.streaming import ads_of

        return list(islice(ads_of(what, {}), count))
    try:
        from adjudicate.profiling.ads import made_ads

        return made_ads(min(count, MADE))
    except ImportError as error:
        raise _missing(error, "Name a file or a folder of ads, or install Pillow") from None


def _check(out: Path) -> None:
    """Before any ad is sent. Raises `ValueError`, `ConfigurationError`, `OSError`."""
    import importlib.util

    from adjudicate.errors import ConfigurationError
    from adjudicate.profiling.figure import check

    check(out)
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigurationError("--out draws with matplotlib: pip install 'adjudicate[report]'.")
    out.parent.mkdir(parents=True, exist_ok=True)


def _draw(profile: Profile, out: Path) -> None:
    from adjudicate.profiling.figure import write

    write(profile, out)
    print(f"written to {out}", file=sys.stderr)


@contextmanager
def _progress(count: int, as_json: bool) -> Iterator[Callable[[int], None]]:
    from rich.progress import Progress

    from adjudicate.cli.console import Console

    screen = Console(stderr=True)
    if as_json or not screen.is_terminal:
        yield lambda done: None
        return
    with Progress(console=screen, transient=True) as progress:
        task = progress.add_task("reviewing", total=count)
        yield lambda done: progress.update(task, completed=done)


def _print(profile: Profile, as_json: bool) -> None:
    from adjudicate.profiling import summary

    if as_json:
        import json

        print(json.dumps(summary.as_json(profile)))
        return
    from rich import box
    from rich.table import Table

    from adjudicate.cli.console import Console

    table = Table(
        "stage", "", "mean ms", "p50", "p95", "share", box=box.SIMPLE, title_justify="left"
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for line in summary.lines(profile):
        times = (f"{value:.2f}" for value in (line.mean, line.p50, line.p95))
        name, style = ("", "dim") if line.part else (line.stage, "bold")
        table.add_row(name, line.what, *times, f"{line.share:.1%}", style=style)
    console = Console()
    console.print(summary.headline(profile))
    console.print(table)


def _missing(error: ImportError, instead: str) -> Exception:
    from adjudicate.errors import ConfigurationError

    return ConfigurationError(f"{error.name} is not installed. {instead}.")
