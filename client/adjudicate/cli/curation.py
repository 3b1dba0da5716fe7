"""`adjudicate library banks`, `bank`, `enable`, `disable`, `edit`, `log`."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from adjudicate.cli import completion, options
from adjudicate.cli.exits import Exit, fail, run

By = Annotated[
    str, typer.Option(envvar="ADJUDICATE_USER", help="Who does so; by default the login name.")
]
Why = Annotated[str, typer.Option(help="For the log: why.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Of exemplars.")]
VECTORS = {"image_embedding", "text_embedding"}
"""Of an exemplar, what no one reads."""


def who(by: str) -> str:
    """The name for the log; empty where the system knows none, as in a bare container."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


@options.connected(timeout=60.0)
def banks(
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """The banks: how many exemplars each has, whether it is on, who switched it and when."""
    from adjudicate.cli import show_library
    from adjudicate.cli.console import Console

    async def work() -> None:
        async with service.client() as client:
            found = await client.library.banks()
        if as_json:
            for bank in found:
                print(bank.model_dump_json(exclude={"id", "problem"}))
        else:
            Console().print(show_library.bank_table(found))

    run(work())


@options.connected(timeout=60.0)
def bank(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the bank.")],
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Whether its exemplars match ads.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; kept with the bank and in the log.")] = "",
    by: By = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Switch a bank, all its exemplars at once, on or off; a bank that is not there is made.

    Exemplars that were switched off one by one stay off.
    """

    async def work() -> None:
        async with service.client() as client:
            found = await client.library.switch_bank(name, on, by=who(by), note=note)
        if as_json:
            print(found.model_dump_json(exclude={"id", "problem"}))
            return
        switch = "on" if found.enabled else "off"
        print(f"bank {found.name} is {switch}, {found.exemplars} exemplars")

    run(work())


@options.connected(timeout=60.0)
def enable(
    exemplar_ids: Ids,
    by: By = "",
    why: Why = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Switch exemplars on again."""
    _set(exemplar_ids, {"enabled": True}, by, why, service, as_json)


@options.connected(timeout=60.0)
def disable(
    exemplar_ids: Ids,
    by: By = "",
    why: Why = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Switch exemplars off: they are kept and listed, but match no ad."""
    _set(exemplar_ids, {"enabled": False}, by, why, service, as_json)


@options.connected(timeout=60.0)
def edit(
    exemplar_ids: Ids,
    category: Annotated[
        str | None, typer.Option(help="The new category.", autocompletion=completion.categories)
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(help="Code of the rule that it breaks.", autocompletion=completion.rules),
    ] = None,
    severity: Annotated[
        options.Severity | None, typer.Option(help="How bad what it shows is.")
    ] = None,
    polarity: Annotated[
        options.Polarity | None, typer.Option(help="Whether it is one, or only looks alike.")
    ] = None,
    bank: Annotated[str | None, typer.Option(help="The bank to move it to.")] = None,
    note: Annotated[str | None, typer.Option(help="Why it is here; kept with it.")] = None,
    by: By = "",
    why: Why = "",
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Change labels, bank or note of exemplars; what is not named stays as it is."""
    given = {"category": category, "rule": rule, "severity": severity, "polarity": polarity}
    fields = {**given, "bank": bank, "note": note}
    changed = {name: str(value) for name, value in fields.items() if value is not None}
    if not changed:
        fail("Nothing to change: name at least one option.", Exit.USAGE)
    _set(exemplar_ids, changed, by, why, service, as_json)


@options.connected(timeout=60.0)
def log(
    exemplar_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="Of one exemplar; else all changes.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Changes at most.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Changes to pass over.")] = 0,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Who changed what and when: of one exemplar and its bank, or of all; the newest first."""
    from adjudicate.cli import show_library
    from adjudicate.cli.console import Console

    async def work() -> None:
        async with service.client() as client:
            found = await client.library.changes(exemplar_id, limit=limit, offset=offset)
        if as_json:
            for change in found:
                print(change.model_dump_json(exclude={"id", "problem"}))
        else:
            Console().print(show_library.change_table(found))

    run(work())


def _set(
    exemplar_ids: list[str],
    fields: dict[str, Any],
    by: str,
    why: str,
    service: options.Service,
    as_json: bool,
) -> None:
    async def work() -> None:
        async with service.client() as client:
            for exemplar_id in exemplar_ids:
                held = await client.library.set(exemplar_id, by=who(by), why=why, **fields)
                print(held.model_dump_json(exclude=VECTORS) if as_json else held.id)

    run(work())
