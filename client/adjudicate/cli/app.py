"""The commands. What they need is imported when they run: `--help` must not wait for docarray."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import encoder, judge, library, models, options, policy, thresholds
from adjudicate.cli.calibrate import calibrate
from adjudicate.cli.exits import HELP, Exit, one_sentence, run
from adjudicate.cli.options import Market, Product
from adjudicate.cli.ranking import classify, rank

app = typer.Typer(
    name="adjudicate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ad compliance review: approve, reject or escalate, with the evidence.",
    epilog=HELP,
)
app.add_typer(library.app, name="library")
app.add_typer(encoder.app, name="encoder")
app.add_typer(thresholds.app, name="thresholds")
app.add_typer(policy.app, name="policy")
app.add_typer(judge.app, name="judge")
app.add_typer(models.app, name="models")
app.command()(calibrate)
app.command()(rank)
app.command()(classify)


class FailOn(StrEnum):
    """Outcomes that a script may want to stop at."""

    REJECT = "reject"
    ESCALATE = "escalate"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("adjudicate"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command(epilog=HELP)
def review(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|DIR|CSV|-",
            help="A picture, a folder of pictures (searched recursively), a manifest with columns "
            "file, text, advertiser, market, language, product, JSON lines (.jsonl), "
            "or - for JSON lines or a picture's bytes on stdin.",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The ad's copy.")] = None,
    market: Annotated[Market | None, typer.Option(help="For ads that do not say.")] = None,
    product: Annotated[Product | None, typer.Option(help="For ads that do not say.")] = None,
    advertiser: Annotated[str | None, typer.Option(help="For ads that do not say.")] = None,
    as_json: options.Json = False,
    request_size: Annotated[int, typer.Option(min=1, help="Ads in one request.")] = 8,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Exit with 4 on this outcome; repeatable.")
    ] = None,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 120.0,
) -> None:
    """Review ads: a row, or with --json a line, for each decision when it is ready."""
    from adjudicate.cli.review import ads_of
    from adjudicate.cli.review import review as work
    from adjudicate.client import AsyncClient

    given = {"text": text, "market": market, "product": product, "advertiser": advertiser}
    fields = {name: str(value) for name, value in given.items() if value is not None}

    async def reviewing() -> Exit:
        client = AsyncClient(
            url,
            request_size=request_size,
            prefetch=concurrency,
            timeout=timeout,
            headers=options.headers(header),
        )
        async with client:
            stops = {str(outcome) for outcome in fail_on or ()}
            return await work(client, ads_of(what, fields), as_json=as_json, fail_on=stops)

    status = run(reviewing())
    if status is not Exit.OK:
        raise typer.Exit(status)


@app.command()
def status(
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 10.0,
) -> None:
    """The rooms: what runs, on what device. Exits with 3 when one is not ready."""
    from rich.console import Console

    from adjudicate.cli import show

    async def work() -> bool:
        async with options.connect(url, header, timeout, retries=0) as client:
            rooms = await client.status()
        if as_json:
            for room in rooms:
                print(room.model_dump_json())
        else:
            Console().print(show.room_table(rooms))
        return all(room.ready for room in rooms)

    if not run(work()):
        raise typer.Exit(Exit.UNAVAILABLE)


@app.command()
def decision(
    decision_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 30.0,
) -> None:
    """A recorded decision with its evidence."""
    from rich.console import Console

    from adjudicate.cli import show

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            found = await client.decision(decision_id)
        if as_json:
            print(found.model_dump_json())
        else:
            Console().print(show.decision_panel(found))

    run(work())


@app.command()
def up(
    flow: Annotated[
        Path | None, typer.Option(help="The flow.yml to run; by default the repository's.")
    ] = None,
) -> None:
    """Start the service and watch over it until Ctrl-C."""
    with one_sentence():
        from adjudicate.up import up as start

        raise typer.Exit(start(flow))


@app.command()
def demo(
    samples: Annotated[Path, typer.Option(help="Folder with manifest.csv and exemplars/.")] = Path(
        "samples"
    ),
    out: Annotated[Path, typer.Option(help="Where demo.json and report.html go.")] = Path("out"),
    flow: Annotated[
        Path | None, typer.Option(help="The flow.yml to run; by default the repository's.")
    ] = None,
) -> None:
    """Start a service, review the sample ads over all three protocols, and write a report.

    Exits with 1 when an ad is lost, when protocols disagree, or when an ad errs that should not.
    """
    with one_sentence():
        from adjudicate.demo import demo as show_all

        raise typer.Exit(show_all(samples, out, flow))
