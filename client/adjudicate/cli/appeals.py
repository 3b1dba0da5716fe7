"""`adjudicate appeals …` and `adjudicate webhooks …`: what is held against decisions, and who is
told what people settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, run

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient
    from adjudicate.documents import Appeal

app = typer.Typer(
    no_args_is_help=True,
    help="What is held against decisions, and what became of it.",
    epilog=options.examples(
        "adjudicate appeals open 0123456789abcdef0123456789abcdef --reason 'it cures nothing'",
        "adjudicate appeals list --state open",
    ),
)
webhooks = typer.Typer(
    no_args_is_help=True,
    help="Messages to whoever must know what people settled.",
    epilog=options.examples("adjudicate webhooks list --state dead", "adjudicate webhooks test"),
)

LEADS = "Takes a key with the scope review-lead, or audit to list."


class AppealState(StrEnum):
    """Where an appeal stands."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Deciding(StrEnum):
    """What becomes of what counted."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


class MessageState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@app.command(
    "open",
    epilog=options.examples(
        "adjudicate appeals open 0123456789abcdef0123456789abcdef --reason 'it cures nothing'",
        "adjudicate appeals open 0123456789abcdef0123456789abcdef --reason 'a quote' "
        "--contact legal@example.com --json",
    ),
)
@options.connected(timeout=30.0)
def open_(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="The decision's id.")],
    reason: Annotated[str, typer.Option(help="Why it is wrong.")],
    contact: Annotated[str, typer.Option(help="Whom to tell.")] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Hold that what counts for an ad is wrong: its case is opened again, for another person."""
    _say(service, lambda c: c.appeals.open(decision_id, reason, contact=contact), as_json)


@app.command(
    "list",
    epilog=options.examples(
        "adjudicate appeals list --state open",
        "adjudicate appeals list --decision 0123456789abcdef0123456789abcdef --json",
    ),
)
@options.connected(timeout=30.0)
def list_(
    state: Annotated[AppealState | None, typer.Option(help="Which of them.")] = None,
    decision: Annotated[str, typer.Option(metavar="ID", help="Against this decision.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, at most.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The newest appeals."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import appeals_table, as_json_line, wide

    async def work() -> None:
        async with service.client() as client:
            found = await client.appeals.list(
                state=state or "", decision_id=decision, limit=limit, offset=offset
            )
        if as_json:
            for appeal in found:
                print(as_json_line(appeal))
        else:
            wide(Console()).print(appeals_table(found) if found else "No such appeal.")

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate appeals decide 0123456789abcdef0123456789abcdef uphold --note 'a claim'",
        "adjudicate appeals decide 0123456789abcdef0123456789abcdef overturn",
    )
)
@options.connected(timeout=30.0)
def decide(
    appeal_id: Annotated[str, typer.Argument(metavar="ID", help="The appeal's id.")],
    what: Annotated[Deciding, typer.Argument(help="Whether what counted still does.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    rule: Annotated[str, typer.Option(help="That an ad breaks which was approved.")] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Uphold or overturn what counted: by somebody else than who settled the case."""

    def deciding(client: AsyncClient) -> Awaitable[Appeal]:
        if what is Deciding.UPHOLD:
            return client.appeals.uphold(appeal_id, note=note)
        return client.appeals.overturn(appeal_id, note=note, rule=rule)

    _say(service, deciding, as_json)


@webhooks.command(
    "list",
    epilog=options.examples(
        "adjudicate webhooks list", "adjudicate webhooks list --state dead --json", then=LEADS
    ),
)
@options.connected(timeout=30.0)
def list_messages(
    state: Annotated[MessageState | None, typer.Option(help="Which of them.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, at most.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The newest messages: delivered, waiting for another attempt, or given up."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import as_json_line, messages_table, wide

    async def work() -> None:
        async with service.client() as client:
            found = await client.webhooks.messages(state=state or "", limit=limit, offset=offset)
        if as_json:
            for message in found:
                print(as_json_line(message))
        else:
            wide(Console()).print(messages_table(found) if found else "No such message.")

    run(work())


@webhooks.command(
    epilog=options.examples(
        "adjudicate webhooks retry",
        "adjudicate webhooks retry msg_0123456789abcdef0123456789abcdef",
        then=LEADS,
    )
)
@options.connected(timeout=30.0)
def retry(
    message_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The message's id; by default all dead ones.")
    ] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Try messages anew. Their ids stay, so that a receiver can drop what it has already."""
    from adjudicate.cli.queue_tables import as_json_line

    async def work() -> None:
        async with service.client() as client:
            found = await client.webhooks.retry(message_id)
        for message in found if as_json else ():
            print(as_json_line(message))
        if not as_json:
            print(f"{len(found)} to be tried anew")

    run(work())


@webhooks.command("test", epilog=options.examples("adjudicate webhooks test", then=LEADS))
@options.connected(timeout=90.0)
def send_test(
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Send a message now, and say what came of it. Exits with 1 when nobody took it."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import as_json_line, message_line

    async def work() -> bool:
        async with service.client() as client:
            sent = await client.webhooks.test()
        if as_json:
            print(as_json_line(sent))
        else:
            Console().print(message_line(sent), soft_wrap=True)
        return sent.state == "delivered"

    if not run(work()):
        raise typer.Exit(Exit.AD_ERROR)


def _say(
    service: options.Service, saying: Callable[[AsyncClient], Awaitable[Appeal]], as_json: bool
) -> None:
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import appeal_line, as_json_line

    async def work() -> None:
        async with service.client() as client:
            held = await saying(client)
        if as_json:
            print(as_json_line(held))
        else:
            Console().print(appeal_line(held), soft_wrap=True)

    run(work())
