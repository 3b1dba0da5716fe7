"""`adjudicate quality …` and `adjudicate decisions …`: how good the decisions are over time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import run

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient
    from adjudicate.documents import PersonVerdict

app = typer.Typer(
    invoke_without_command=True,
    help="How good the decisions are over time: drift, what the screen misses, agreement.",
    epilog=options.examples("adjudicate quality", "adjudicate quality reference --by mei"),
)
decisions = typer.Typer(
    no_args_is_help=True,
    help="What people say of decisions.",
    epilog=options.examples(
        "adjudicate decisions uphold 0123456789abcdef0123456789abcdef --by mei",
        "adjudicate decisions overturn 0123456789abcdef0123456789abcdef --by mei --note 'a quote'",
    ),
)

Hours = Annotated[
    float | None,
    typer.Option(min=0.01, help="How far back from now; by default as the service is set."),
]
DecisionId = Annotated[str, typer.Argument(metavar="ID", help="The decision's id.")]
By = Annotated[str, typer.Option(help="The person whose verdict it is.")]
Note = Annotated[str, typer.Option(help="Why.")]


@app.callback()
def _show(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        command = context.command.get_command(context, "show")  # type: ignore[attr-defined]
        with command.make_context("show", [], parent=context) as own:
            command.invoke(own)


@app.command(
    epilog=options.examples("adjudicate quality show", "adjudicate quality show --hours 168 --json")
)
@options.connected(timeout=60.0)
def show(
    hours: Hours = None,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The figures of a window: drift, the judge's positive rate, screen misses, agreement."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.quality_tables import as_json_line, quality_panel

    async def work() -> None:
        async with service.client() as client:
            found = await client.quality.figures(hours)
        if as_json:
            print(as_json_line(found))
        else:
            console = Console()
            if not console.is_terminal:
                console.width = 140
            console.print(quality_panel(found))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate quality reference --by mei --note 'after the calibration of March'",
        "adjudicate quality reference --hours 168 --json",
    )
)
@options.connected(timeout=60.0)
def reference(
    hours: Hours = None,
    by: Annotated[str, typer.Option(help="Who does it.")] = "",
    note: Note = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Make the last hours the reference that drift is measured against.

    It counts for the encoder that serves, until another one is set.
    """
    from adjudicate.cli.quality_tables import as_json_line

    async def work() -> None:
        async with service.client() as client:
            made = await client.quality.set_reference(hours, by=by, note=note)
        if as_json:
            print(as_json_line(made))
        else:
            print(
                f"{made.ads:,} sampled ads of {made.hours:.1f} h are the reference of encoder "
                f"{made.encoder_version}"
            )

    run(work())


@decisions.command(
    epilog=options.examples("adjudicate decisions uphold 0123456789abcdef0123456789abcdef --by mei")
)
@options.connected(timeout=30.0)
def uphold(
    decision_id: DecisionId,
    by: By,
    note: Note = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Say that a decision is right. Saying it again changes nothing."""
    _say(service, lambda client: client.quality.uphold(decision_id, by=by, note=note), as_json)


@decisions.command(
    epilog=options.examples(
        "adjudicate decisions overturn 0123456789abcdef0123456789abcdef --by mei --note 'a quote'"
    )
)
@options.connected(timeout=30.0)
def overturn(
    decision_id: DecisionId,
    by: By,
    note: Note = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Say that a decision is wrong. The decision itself stays as it was recorded."""
    _say(service, lambda client: client.quality.overturn(decision_id, by=by, note=note), as_json)


Saying = Callable[["AsyncClient"], Awaitable["PersonVerdict"]]


def _say(service: options.Service, saying: Saying, as_json: bool) -> None:
    from adjudicate.cli.quality_tables import as_json_line

    async def work() -> None:
        async with service.client() as client:
            held = await saying(client)
        if as_json:
            print(as_json_line(held))
        else:
            said = f"{held.verdict} by {held.by} since {held.at}"
            print(f"decision {held.id} ({held.outcome}) is {said}")

    run(work())
