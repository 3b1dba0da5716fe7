"""`adjudicate library banks`, `bank`, `enable`, `disable`, `edit`, `log`."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, run

if TYPE_CHECKING:
    from adjudicate.documents import Exemplar

By = Annotated[
    str, typer.Option(envvar="ADJUDICATE_USER", help="Who does so; by default the login name.")
]
Why = Annotated[str, typer.Option(help="For the log: why.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...")]


def who(by: str) -> str:
    """The name for the log; empty where the system knows none, as in a bare container."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def banks(
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """The banks: how many exemplars each has, whether it is on, who switched it and when."""
    from rich.console import Console

    from adjudicate.cli import show_library

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            found = await client.library.banks()
        if as_json:
            for bank in found:
                print(bank.model_dump_json(exclude={"id", "problem"}))
        else:
            Console().print(show_library.bank_table(found))

    run(work())


def bank(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Whether its exemplars match ads.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; kept with the bank and in the log.")] = "",
    by: By = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Switch a bank, all its exemplars at once, on or off; a bank that is not there is made.

    Exemplars that were switched off one by one stay off.
    """

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            found = await client.library.switch_bank(name, on, by=who(by), note=note)
        switch = "on" if found.enabled else "off"
        print(f"bank {found.name} is {switch}, {found.exemplars} exemplars")

    run(work())


def enable(
    exemplar_ids: Ids,
    by: By = "",
    why: Why = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Switch exemplars on again."""
    _set(exemplar_ids, {"enabled": True}, by, why, options.connect(url, header, timeout))


def disable(
    exemplar_ids: Ids,
    by: By = "",
    why: Why = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Switch exemplars off: they are kept and listed, but match no ad."""
    _set(exemplar_ids, {"enabled": False}, by, why, options.connect(url, header, timeout))


def edit(
    exemplar_ids: Ids,
    category: Annotated[str | None, typer.Option(help="The new category.")] = None,
    rule: Annotated[str | None, typer.Option(help="Code of the rule that it breaks.")] = None,
    severity: Annotated[str | None, typer.Option(help="low, medium or high.")] = None,
    polarity: Annotated[str | None, typer.Option(help="violation or lookalike.")] = None,
    bank: Annotated[str | None, typer.Option(help="The bank to move it to.")] = None,
    note: Annotated[str | None, typer.Option(help="Why it is here; kept with it.")] = None,
    by: By = "",
    why: Why = "",
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Change labels, bank or note of exemplars; what is not named stays as it is."""
    given = {"category": category, "rule": rule, "severity": severity, "polarity": polarity}
    fields = {**given, "bank": bank, "note": note}
    changed = {name: value for name, value in fields.items() if value is not None}
    if not changed:
        fail("Nothing to change: name at least one option.", Exit.USAGE)
    _set(exemplar_ids, changed, by, why, options.connect(url, header, timeout))


def log(
    exemplar_id: Annotated[str, typer.Argument(metavar="[ID]")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    as_json: options.Json = False,
    url: options.Url = options.DEFAULT_URL,
    header: options.Header = None,
    timeout: options.Timeout = 60.0,
) -> None:
    """Who changed what and when: of one exemplar and its bank, or of all; the newest first."""
    from rich.console import Console

    from adjudicate.cli import show_library

    async def work() -> None:
        async with options.connect(url, header, timeout) as client:
            found = await client.library.changes(exemplar_id, limit=limit, offset=offset)
        if as_json:
            for change in found:
                print(change.model_dump_json(exclude={"id", "problem"}))
        else:
            Console().print(show_library.change_table(found))

    run(work())


def _set(exemplar_ids: list[str], fields: dict[str, Any], by: str, why: str, client: Any) -> None:
    async def work() -> None:
        async with client as connected:
            for exemplar_id in exemplar_ids:
                held: Exemplar = await connected.library.set(
                    exemplar_id, by=who(by), why=why, **fields
                )
                print(held.id)

    run(work())
