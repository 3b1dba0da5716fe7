"""`adjudicate keys …`: who may ask. Works on the database, with the service running or not."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import one_sentence
from adjudicate.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from executors.gateway.access.keys import ApiKey
    from executors.gateway.access.store import KeyStore

app = typer.Typer(
    no_args_is_help=True,
    help="API keys: who may ask the service, and for what.",
    epilog=options.examples("adjudicate keys create --name me --scope review"),
)

EXITS = """Works on the database of ADJUDICATE_DATABASE; a running service follows within seconds.

Exit status: 0; 1 there is no such key; 2 wrong use, or the database cannot be opened."""

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class KeyScope(StrEnum):
    """What a key allows."""

    REVIEW = "review"
    LIBRARY = "library"
    CONSOLE = "review-console"
    LEAD = "review-lead"
    AUDIT = "audit"
    ADMIN = "admin"


@app.command(
    epilog=options.examples(
        "export ADJUDICATE_API_KEY=$(adjudicate keys create --name me --scope review)",
        "adjudicate keys create --name ci --scope review --scope library --expires 90d",
        then=EXITS,
    )
)
def create(
    name: Annotated[str, typer.Option(help="Whose it is; shown in the list.")],
    scope: Annotated[
        list[KeyScope],
        typer.Option(
            help="What it allows; repeatable. review: review, embed, rank, classify, search, read "
            "decisions. library: exemplars and thresholds. review-console: escalated ads, as a "
            "reviewer. review-lead: the same as a lead, and the library. audit: read everything. "
            "admin: everything."
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(metavar="90d", help="From now: 30m, 12h, 90d, 4w. By default never."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a key. It is printed once, alone on stdout; only its hash is kept."""
    with one_sentence(), _store() as store:
        from executors.gateway.caller import Scope

        until = None if expires is None else time.time() + _duration(expires)
        key, text = store.create(name, [Scope(one) for one in scope], until)
        if as_json:
            print(json.dumps({**_plain(key), "key": text}, ensure_ascii=False))
            return
        print(text)
        until_said = _plain(key)["expires"] or "it is revoked"
        print(
            f"adjudicate: key {key.id} ({key.name}) allows {', '.join(sorted(key.scopes))} until "
            f"{until_said}. It is shown only now.",
            file=sys.stderr,
        )


@app.command("list", epilog=options.examples("adjudicate keys list --json", then=EXITS))
def list_(as_json: options.Json = False) -> None:
    """Every key, the oldest first: what it allows, until when, and when it was last used."""
    with one_sentence(), _store() as store:
        keys = [_plain(key) for key in store.every()]
        if as_json:
            for key in keys:
                print(json.dumps(key, ensure_ascii=False))
            return
        if not keys:
            print("No key yet; `adjudicate keys create` makes one.")
            return
        from rich.table import Table
        from rich.text import Text

        from adjudicate.cli.console import Console

        table = Table("id", "name", "allows", "state", "made", "expires", "last used", box=None)
        for key in keys:
            shown = {**key, "scopes": ", ".join(key["scopes"])}
            order = ("id", "name", "scopes", "state", "created", "expires", "last_used")
            table.add_row(*(Text(_short(shown[column])) for column in order))
        console = Console()
        if not console.is_terminal:
            console.width = max(console.width, 160)
        console.print(table)


@app.command(epilog=options.examples("adjudicate keys revoke 3f9c01d2a4b5", then=EXITS))
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: options.Json = False,
) -> None:
    """Let a key in no more, on open connections too. It stays in the list."""
    with one_sentence(), _store() as store:
        key = _plain(store.revoke(key_id))
        if as_json:
            print(json.dumps(key, ensure_ascii=False))
        else:
            print(f"{key['id']} ({key['name']}) is revoked since {key['revoked']}.")


@contextmanager
def _store() -> Iterator[KeyStore]:
    """The keys of the settings' database."""
    try:
        from sqlalchemy.exc import SQLAlchemyError

        from executors.gateway.access.store import KeyStore
        from executors.shared.settings import load_settings
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed; the keys commands need `pip install '.[serve]'`."
        ) from None
    try:
        with closing(KeyStore(load_settings().database, _note)) as store:
            yield store
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise ConfigurationError(
            f"ADJUDICATE_DATABASE: the keys cannot be kept: {reason}."
        ) from None


def _note(connection: Connection, what: str, key_id: str, facts: Mapping[str, str]) -> None:
    """Into the audit trail of the database: the account of this machine that did it."""
    from executors.ledger.audit.trail import Deed, append

    append(connection, [Deed(what, key_id, f"shell:{_account()}", facts)])


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return str(os.getuid())


def _plain(key: ApiKey) -> dict[str, Any]:
    from executors.gateway.access.keys import moment

    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state(),
        "created": moment(key.created),
        "expires": moment(key.expires) or None,
        "revoked": moment(key.revoked) or None,
        "last_used": moment(key.last_used) or None,
    }


def _short(text: str | None) -> str:
    """A moment to the minute; anything else as it is."""
    return re.sub(r"T(\d\d:\d\d):\d\d\+00:00$", r" \1 UTC", text or "")


def _duration(text: str) -> float:
    """Seconds. Raises `ValueError` for what is no duration."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError(f"--expires: {text[:20]!r} is no duration such as 30m, 12h, 90d or 4w.")
    return int(found[1]) * _UNITS[found[2]]
