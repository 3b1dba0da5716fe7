"""The tables of all rooms: brought to a release's revision, copied, and put back.

It composes the rooms' schemas, as the Flow composes the rooms. No room imports it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path

from sqlalchemy import MetaData

from adjudicate.errors import ConfigurationError
from executors.gateway.access.store import METADATA as KEYS
from executors.ledger.store import METADATA as DECISIONS
from executors.library.quality.samples import METADATA as SAMPLES
from executors.library.schema import METADATA as EXEMPLARS
from executors.library.threshold_versions import METADATA as THRESHOLDS
from executors.shared.database import BUSY_TIMEOUT_MS, open_database, opened, sqlite_file
from executors.shared.migrations import VERSION_TABLE, revision_of
from executors.shared.migrations.running import Step, due, is_known

ALL = (EXEMPLARS, THRESHOLDS, DECISIONS, SAMPLES, KEYS)

_COUNTED = ("exemplars", "decisions", "api_keys")
"""Tables whose rows a copy reports. A room with a database of its own has one of them."""


class CopyRefused(Exception):
    """A copy that is not sound, or would replace what is there. The message is one sentence."""


@dataclass(frozen=True)
class Copy:
    """A copy that was made, or put back."""

    path: Path
    bytes: int
    rows: dict[str, int]
    """Of the tables that people ask about."""
    revision: str
    """That its tables are of; empty for a copy of release 0.1.0."""


def whole() -> MetaData:
    """All tables in one; one that two rooms know is there once."""
    together = MetaData()
    for metadata in ALL:
        for table in metadata.sorted_tables:
            if table.name not in together.tables:
                table.to_metadata(together)
    return together


def plan(url: str) -> list[str]:
    """The steps that `prepare` would take, as `0002 what it is about`. Changes nothing.

    Raises `ConfigurationError` for a database that cannot be opened.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():  # to connect would make it
        return _said(due(None))
    with opened(url) as engine:
        try:
            with engine.connect() as connection:
                revision = revision_of(connection)
        finally:
            engine.dispose()
        return [] if revision is not None and not is_known(revision) else _said(due(revision))


def prepare(url: str) -> list[str]:
    """Bring the database to this release's revision; the steps that were due, as `plan` says them.
    Safe while the release before works on it.

    Raises `ConfigurationError` as `open_database` does.
    """
    taken = plan(url)
    open_database(url, whole()).dispose()
    return taken


def _said(steps: Sequence[Step]) -> list[str]:
    return [str(step) for step in steps]


def back_up(url: str, path: Path, *, force: bool = False) -> Copy:
    """Copy a SQLite database into one file while others read and write it.

    The copy is as the database was at one moment, checked, and on disk when this returns; a copy
    that fails leaves no file of that name. Raises `ConfigurationError` for another database,
    `FileExistsError` without `force`, `OSError`, `CopyRefused` where the copy would not be sound.
    """
    source = _sqlite(url)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path.parent))
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists; name another file, or say --force.")
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with _opened(source) as live, _opened(partial) as copy:
            live.backup(copy)  # in one step: a step for each page would begin anew with each write
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a -wal beside it
            rows, revision = _checked(copy, partial)
        _sync(partial)
        partial.replace(path)
        _sync(path.absolute().parent)
    except sqlite3.DatabaseError as error:
        raise CopyRefused(f"{source} cannot be copied: {error}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return Copy(path, path.stat().st_size, rows, revision)


def restore(url: str, path: Path, *, force: bool = False) -> Copy:
    """Put a copy back, in one transaction; the rooms should not be running.

    Raises `CopyRefused` for a file that is no sound copy of this service's database and, without
    `force`, for a database that holds decisions or exemplars already; `ConfigurationError` for
    another database than SQLite.
    """
    target = _sqlite(url, missing_ok=True)
    if not path.is_file():
        raise CopyRefused(f"There is no file {path}.")
    try:
        with _opened(path, read_only=True) as copy:
            rows, revision = _checked(copy, path)
            if not rows:
                raise CopyRefused(f"{path} is no copy of this service's database.")
            target.absolute().parent.mkdir(parents=True, exist_ok=True)
            with _opened(target) as live:
                held = {name: count for name, count in _rows(live).items() if count}
                if held and not force:
                    said = ", ".join(f"{count} {name}" for name, count in held.items())
                    raise CopyRefused(
                        f"{target} holds {said}: back it up, then say --force to replace it."
                    )
                # Not by moving the file: the log beside the old one would be applied to the new.
                copy.backup(live)
    except sqlite3.DatabaseError as error:
        raise CopyRefused(f"{path} cannot be put back: {error}.") from None
    return Copy(target, target.stat().st_size, rows, revision)


def _sqlite(url: str, *, missing_ok: bool = False) -> Path:
    path = sqlite_file(url)
    if path is None:
        raise ConfigurationError(
            "ADJUDICATE_DATABASE: this copies SQLite; a server has its own tools: pg_dump and "
            "pg_restore, or snapshots (docs/operations.md)."
        )
    if not missing_ok and not path.is_file():
        raise ConfigurationError(f"ADJUDICATE_DATABASE: there is no file {path}.")
    return path


@contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1_000)) as connection:
        yield connection


def _checked(connection: sqlite3.Connection, path: Path) -> tuple[dict[str, int], str]:
    """How many rows it has, and its revision. Raises `CopyRefused`."""
    (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise CopyRefused(f"{path} is damaged: {said.splitlines()[-1].rstrip('.')}.")
    return _rows(connection), _revision(connection)


def _revision(connection: sqlite3.Connection) -> str:
    if not _tables(connection) & {VERSION_TABLE}:
        return ""
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608
    return str(found[0]) if found else ""


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    there = _tables(connection)
    count = "SELECT count(*) FROM {}"
    return {
        name: int(connection.execute(count.format(name)).fetchone()[0])
        for name in _COUNTED
        if name in there
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
