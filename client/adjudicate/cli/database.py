"""`adjudicate database …`: the tables of a release, copies, and putting one back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence
from adjudicate.errors import ConfigurationError

if TYPE_CHECKING:
    from executors.databases import Copy

app = typer.Typer(
    no_args_is_help=True,
    help="The database of exemplars, decisions and keys: its tables, copies, and putting one back.",
    epilog=options.examples(
        "adjudicate database prepare --dry-run", "adjudicate database backup backups/monday.db"
    ),
)

EXITS = """Works on the database of ADJUDICATE_DATABASE, not through a service.

Exit status: 0; 1 what is there cannot be used, or would be lost; 2 wrong use, or the database
cannot be opened."""

Database = Annotated[
    str, typer.Option(help="SQLAlchemy URL; by default that of the settings, ADJUDICATE_DATABASE.")
]


@app.command(
    epilog=options.examples(
        "adjudicate database prepare", "adjudicate database prepare --dry-run --json", then=EXITS
    )
)
def prepare(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which steps would be taken.")
    ] = False,
    database: Database = "",
    as_json: options.Json = False,
) -> None:
    """Bring the tables to this release's revision, step by step; an empty database gets them all.

    The rooms do the same when they start. Before an upgrade it shows what will change; and run by
    an owner of the tables it lets the rooms do with a role that may only read and write rows. The
    release before goes on working meanwhile, and can come back afterwards.
    """
    with _databases(database) as url:
        from executors import databases

        taken = databases.plan(url) if dry_run else databases.prepare(url)
        if as_json:
            print(json.dumps({"steps": taken, "dry_run": dry_run}))
            return
        for one in taken:
            print(one)
        if not taken:
            print("The tables are those of this release, or of a later one.")


@app.command(
    epilog=options.examples(
        "adjudicate database backup backups/monday.db",
        "adjudicate database backup latest.db --force --json",
        then=EXITS,
    )
)
def backup(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    database: Database = "",
    as_json: options.Json = False,
) -> None:
    """Copy a SQLite database into one file, while the service runs.

    The copy is as the database was at one moment, and is checked. Every decision that was answered
    before is in it. A copy of the database file alone would lack what is in the log beside it.
    """
    with _databases(database) as url:
        from executors import databases

        _show(databases.back_up(url, path, force=force), "copied to", as_json)


@app.command(
    epilog=options.examples(
        "adjudicate database restore backups/monday.db",
        "adjudicate database restore backups/monday.db --force",
        then=EXITS,
    )
)
def restore(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that backup wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even if the database holds decisions or exemplars.")
    ] = False,
    database: Database = "",
    as_json: options.Json = False,
) -> None:
    """Put a copy of a SQLite database back. Stop the service first, start it afterwards.

    What was decided after the copy was made is gone with it: back up what there is before. A copy
    of an earlier release is brought to this one's revision by the rooms that start.
    """
    with _databases(database) as url:
        from executors import databases

        _show(databases.restore(url, path, force=force), "restored in", as_json)


@contextmanager
def _databases(given: str) -> Iterator[str]:
    """The database's URL; what its commands raise becomes a sentence."""
    with one_sentence():
        try:
            from executors.databases import CopyRefused
            from executors.shared.settings import load_settings
        except ImportError as error:
            raise ConfigurationError(
                f"{error.name} is not installed; the database commands need "
                "`pip install '.[serve]'`."
            ) from None
        try:
            yield given or load_settings().database
        except FileExistsError as error:
            fail(str(error), Exit.USAGE)
        except CopyRefused as error:
            fail(str(error), Exit.AD_ERROR)


def _show(copy: Copy, done: str, as_json: bool) -> None:
    if as_json:
        said = {"path": str(copy.path), "bytes": copy.bytes, "revision": copy.revision}
        print(json.dumps({**said, **copy.rows}))
        return
    rows = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in copy.rows.items())
    size = f"{copy.bytes / 1e6:.1f} MB, revision {copy.revision or 'of release 0.1.0'}"
    print(f"{rows} {done} {copy.path} ({size})")
