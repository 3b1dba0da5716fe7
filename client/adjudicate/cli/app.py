"""The commands. What they need is imported when they run: `--help` must not wait for docarray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import (
    appeals,
    audit,
    database,
    encoder,
    judge,
    keys,
    library,
    models,
    options,
    policy,
    quality,
    queue,
    records,
    thresholds,
)
from adjudicate.cli.calibrate import calibrate
from adjudicate.cli.capacity import EXAMPLES as CAPACITY_EXAMPLES
from adjudicate.cli.capacity import capacity
from adjudicate.cli.exits import HELP, Exit, one_sentence, run
from adjudicate.cli.profile import EXAMPLES as PROFILE_EXAMPLES
from adjudicate.cli.profile import profile
from adjudicate.cli.ranking import classify, rank
from adjudicate.cli.report import EXAMPLES as REPORT_EXAMPLES
from adjudicate.cli.report import report
from adjudicate.cli.review import EXAMPLES, review

app = typer.Typer(
    name="adjudicate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ad compliance review: approve, reject or escalate, with the evidence.",
    epilog=options.examples(
        "adjudicate up",
        "adjudicate review samples/manifest.csv",
        "adjudicate review --text 'Cures diabetes in 7 days' --market US --json",
        then=f"{HELP}\n\nadjudicate --install-completion teaches the shell to complete with TAB.",
    ),
)
app.add_typer(library.app, name="library")
app.add_typer(encoder.app, name="encoder")
app.add_typer(thresholds.app, name="thresholds")
app.add_typer(policy.app, name="policy")
app.add_typer(judge.app, name="judge")
app.add_typer(models.app, name="models")
app.add_typer(quality.app, name="quality")
app.add_typer(quality.decisions, name="decisions")
app.add_typer(queue.app, name="queue")
app.add_typer(appeals.app, name="appeals")
app.add_typer(appeals.webhooks, name="webhooks")
app.add_typer(audit.app, name="audit")
app.add_typer(records.app, name="records")
app.add_typer(keys.app, name="keys")
app.add_typer(database.app, name="database")
app.command(epilog=EXAMPLES)(review)
app.command(epilog=PROFILE_EXAMPLES)(profile)
app.command(epilog=REPORT_EXAMPLES)(report)
app.command(epilog=CAPACITY_EXAMPLES)(capacity)
app.command(
    epilog=options.examples(
        "adjudicate calibrate labelled.csv --dry-run",
        "adjudicate calibrate labelled.csv --target-recall 0.98 --note 'ads of March' --json",
    )
)(calibrate)
app.command(
    epilog=options.examples(
        "adjudicate rank ad.jpg 'Cures diabetes' 'Nice tea'",
        "adjudicate rank 'treats arthritis' ads/1.jpg ads/2.jpg --json",
    )
)(rank)
app.command(
    epilog=options.examples(
        "adjudicate classify ad.jpg --label drug --label food --label 'medical device'",
        "adjudicate classify ads/1.jpg ads/2.jpg --label tea --label pills "
        "--template 'a photo of {}'",
    )
)(classify)


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


@app.command(
    epilog=options.examples(
        "adjudicate status", "adjudicate status --url http://localhost:51001 --json"
    )
)
@options.connected(timeout=10.0)
def status(
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The rooms: what runs, on what device, how the last canary of each replica went, and restarts.

    Exits with 3 when a room is not ready.
    """
    from adjudicate.cli import show_rooms
    from adjudicate.cli.console import Console

    async def work() -> bool:
        async with service.client(retries=0) as client:
            rooms = await client.status()
        if as_json:
            for room in rooms:
                print(room.model_dump_json())
        else:
            console = Console()
            console.print(show_rooms.room_table(rooms))
            if (health := show_rooms.health_table(rooms)) is not None:
                console.print(health)
        return all(room.ready for room in rooms)

    if not run(work()):
        raise typer.Exit(Exit.UNAVAILABLE)


@app.command(
    epilog=options.examples(
        "adjudicate decision 0123456789abcdef0123456789abcdef",
        "adjudicate decision ad-02 --json",
    )
)
@options.connected(timeout=30.0)
def decision(
    decision_id: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, or the ad's: then its latest.")
    ],
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """A recorded decision with its evidence."""
    from adjudicate.cli import show
    from adjudicate.cli.console import Console

    async def work() -> None:
        async with service.client() as client:
            found = await client.decision(decision_id)
        if as_json:
            print(found.model_dump_json())
        else:
            Console().print(show.decision_panel(found))

    run(work())


@app.command(epilog=options.examples("adjudicate up", "adjudicate up --flow flow.yml"))
def up(
    flow: Annotated[
        Path | None, typer.Option(help="The flow.yml to run; by default the repository's.")
    ] = None,
) -> None:
    """Start the service and watch over it until Ctrl-C."""
    with one_sentence():
        from adjudicate.up import up as start

        raise typer.Exit(start(flow))


@app.command(
    epilog=options.examples(
        "adjudicate demo", "adjudicate demo --out /tmp/demo", "adjudicate demo --serve"
    )
)
def demo(
    samples: Annotated[Path, typer.Option(help="Folder with manifest.csv and exemplars/.")] = Path(
        "samples"
    ),
    out: Annotated[Path, typer.Option(help="Where demo.json and report.html go.")] = Path("out"),
    flow: Annotated[
        Path | None, typer.Option(help="The flow.yml to run; by default the repository's.")
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Only open the console on what the last demo left in --out."),
    ] = False,
) -> None:
    """Start a service, review the sample ads over all three protocols, and write a report.

    Exits with 1 when an ad is lost, when protocols disagree, or when an ad errs that should not.
    With --serve it starts the service on what the last demo left, until Ctrl-C.
    """
    with one_sentence():
        if serve:
            from adjudicate.demo import serve as show_console

            raise typer.Exit(show_console(out, flow))
        from adjudicate.demo import demo as show_all

        raise typer.Exit(show_all(samples, out, flow))
