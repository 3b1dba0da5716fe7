"""`adjudicate queue …`: the cases that people decide."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import run

if TYPE_CHECKING:
    from adjudicate.documents import Review

WORKS = "Takes a key with the scope review-console or review-lead: who it is goes on record."

app = typer.Typer(
    no_args_is_help=True,
    help="The cases that people decide: escalations, the audit sample, appeals.",
    epilog=options.examples(
        "adjudicate queue list",
        "adjudicate queue settle 0123456789abcdef0123456789abcdef violation --rule CN-AL-16",
    ),
)


class Kind(StrEnum):
    """Why people look at an ad."""

    ESCALATION = "escalation"
    AUDIT_SAMPLE = "audit_sample"
    APPEAL = "appeal"


class Stage(StrEnum):
    """Which look at it is next."""

    FIRST = "first"
    SECOND = "second"
    LEAD = "lead"


class State(StrEnum):
    """Which cases are listed."""

    OPEN = "open"
    SETTLED = "settled"
    ALL = "all"


class Sort(StrEnum):
    """In which order."""

    PRIORITY = "priority"
    OLDEST = "oldest"
    NEWEST = "newest"


class Answer(StrEnum):
    """What a person says of an ad."""

    VIOLATION = "violation"
    COMPLIANT = "compliant"
    SKIP = "skip"


DecisionId = Annotated[str, typer.Argument(metavar="ID", help="The decision's id.")]


@app.command(
    "list",
    epilog=options.examples(
        "adjudicate queue list",
        "adjudicate queue list --kind escalation --market CN --json",
        "adjudicate queue list --state settled --sort newest",
    ),
)
@options.connected(timeout=30.0)
def list_(
    kind: Annotated[Kind | None, typer.Option(help="Of this kind.")] = None,
    stage: Annotated[Stage | None, typer.Option(help="For this review.")] = None,
    rule: Annotated[str, typer.Option(help="Of this rule.")] = "",
    market: Annotated[options.Market | None, typer.Option(help="For this market.")] = None,
    advertiser: Annotated[str, typer.Option(help="Of this advertiser.")] = "",
    text: Annotated[str, typer.Option(help="In the copy, the ad's id or the advertiser.")] = "",
    mine: Annotated[bool, typer.Option("--mine", help="Only what you have claimed.")] = False,
    state: Annotated[State, typer.Option(help="Which of them.")] = State.OPEN,
    sort: Annotated[Sort, typer.Option(help="In which order.")] = Sort.PRIORITY,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, at most.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The cases in the order in which they are given out, and how many there are."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import as_json_line, counts_line, queue_table, wide
    from adjudicate.documents import QueueAsk

    asked = QueueAsk(
        kind=kind or "",
        stage=stage or "",
        rule=rule,
        market=market or "",
        advertiser=advertiser,
        text=text,
        mine=mine,
        state="" if state is State.ALL else state,
        sort=sort,
        limit=limit,
        offset=offset,
    )

    async def work() -> None:
        async with service.client() as client:
            cases = await client.queue.list(asked)
            counts = None if as_json else await client.queue.counts()
        for case in cases if as_json else ():
            print(as_json_line(case))
        if counts is not None:
            wide(Console()).print(queue_table(cases), counts_line(counts))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate queue show 0123456789abcdef0123456789abcdef",
        "adjudicate queue show 0123456789abcdef0123456789abcdef --json",
    )
)
@options.connected(timeout=30.0)
def show(
    decision_id: DecisionId,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """A case: why it waits, since when, and who works on it."""
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import as_json_line, case_panel

    async def work() -> None:
        async with service.client() as client:
            case = await client.queue.get(decision_id)
        if as_json:
            print(as_json_line(case))
        else:
            Console().print(case_panel(case))

    run(work())


@app.command(
    epilog=options.examples(
        "adjudicate queue settle 0123456789abcdef0123456789abcdef violation --rule CN-AL-16",
        "adjudicate queue settle 0123456789abcdef0123456789abcdef compliant --note 'a quote'",
        "adjudicate queue settle 0123456789abcdef0123456789abcdef skip --note 'not my language'",
        then=WORKS,
    )
)
@options.connected(timeout=30.0)
def settle(
    decision_id: DecisionId,
    answer: Annotated[Answer, typer.Argument(help="What you say of the ad.")],
    rule: Annotated[str, typer.Option(help="That it breaks; by default the decision's.")] = "",
    note: Annotated[str, typer.Option(help="Why; a skip needs it.")] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Answer a case. The same answer again changes nothing.

    A rule that takes two people waits for the second; when they disagree, for a lead.
    """

    async def work() -> Review:
        async with service.client() as client:
            said = {"rule": rule, "note": note}
            return await client.queue.answer(decision_id, answer.value, **said)

    _print(run(work()), as_json)


@app.command(
    epilog=options.examples(
        "adjudicate queue undo",
        "adjudicate queue undo 0123456789abcdef0123456789abcdef",
        then=WORKS,
    )
)
@options.connected(timeout=30.0)
def undo(
    decision_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The decision's id; by default your last.")
    ] = "",
    number: Annotated[int, typer.Option(min=0, help="Of a review, another's too: a lead.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Take an answer back: your own for some minutes, as long as nobody has built on it."""

    async def work() -> Review:
        async with service.client() as client:
            return await client.queue.undo(decision_id, number=number)

    _print(run(work()), as_json)


@app.command(
    epilog=options.examples(
        "adjudicate queue release", "adjudicate queue release 0123456789abcdef0123456789abcdef"
    )
)
@options.connected(timeout=30.0)
def release(
    decision_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The decision's id; by default all yours.")
    ] = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Give claimed cases back before their time; a lead also another's, by its id."""
    from adjudicate.cli.queue_tables import as_json_line

    async def work() -> None:
        async with service.client() as client:
            released = await client.queue.release(decision_id)
        for case in released if as_json else ():
            print(as_json_line(case))
        if not as_json:
            print(f"{len(released)} released")

    run(work())


def _print(review: Review, as_json: bool) -> None:
    from adjudicate.cli.console import Console
    from adjudicate.cli.queue_tables import as_json_line, review_line

    if as_json:
        print(as_json_line(review))
    else:
        Console().print(review_line(review), soft_wrap=True)
