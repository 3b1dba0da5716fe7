"""Bringing a database to this release's revision. It loads Alembic: only where a step is due.

All steps are one transaction, on SQLite too: a database is of one revision or of the next. Of
processes that start together one does it: SQLite has one writer, and on PostgreSQL a lock keeps
the others out until it is done.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from executors.shared.migrations import CannotMigrate, MayNotMigrate, missing, revision_of

STEPS = Path(__file__).parent
LOCK_TIMEOUT_MS = 1_000
"""How long a change of a table waits for it. Whoever comes later waits behind it meanwhile."""
GIVE_UP_S = 60.0

_LOCK = 0x41_44_4A
"""The advisory lock's key, of this service: `ADJ`."""
_LOCKED = ("55P03", "40P01")
"""SQLSTATE of a lock that did not come in time, and of a deadlock."""
_INSUFFICIENT_PRIVILEGE = "42501"
_UNDEFINED_COLUMN = "42703"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A revision, and what it is about in a line."""

    revision: str
    title: str

    def __str__(self) -> str:
        return f"{self.revision} {self.title}"


def is_known(revision: str, steps: Path = STEPS) -> bool:
    """Whether this release has the revision; one that it has not is a later release's."""
    try:
        return _scripts(steps).get_revision(revision) is not None
    except CommandError:
        return False


def due(revision: str | None, steps: Path = STEPS, to: str = "head") -> list[Step]:
    """The steps from this revision to another, by default the last one, in their order."""
    scripts = _scripts(steps)
    found = [
        Step(script.revision, script.doc.partition("\n")[0].rstrip("."))
        for script in scripts.iterate_revisions(to, revision or "base")
    ]
    return found[::-1]


def migrate(
    engine: Engine, metadata: MetaData, steps: Path = STEPS, to: str = "head"
) -> list[Step]:
    """Take the steps that are due, and return them; then the tables of `metadata` are there.

    On a server it comes again for a table that somebody reads for long, so that the ads of others
    need not wait behind it. Whatever it raises, nothing is changed: `CannotMigrate`,
    `MayNotMigrate`, and what the database raises.
    """
    give_up = time.monotonic() + GIVE_UP_S
    while True:
        try:
            return _migrate(engine, metadata, steps, to)
        except (OperationalError, ProgrammingError) as error:
            if _state(error) == _INSUFFICIENT_PRIVILEGE:
                raise MayNotMigrate from None
            if _state(error) == _UNDEFINED_COLUMN or "no such column" in str(error.orig):
                raise CannotMigrate(str(error.orig).splitlines()[0]) from None
            if not _held(error) or time.monotonic() > give_up:
                raise
            time.sleep(LOCK_TIMEOUT_MS / 1_000)


def _migrate(engine: Engine, metadata: MetaData, steps: Path, to: str) -> list[Step]:
    with engine.execution_options(writes=True).begin() as connection:
        _alone(connection)
        before = revision_of(connection)
        taken = due(before, steps, to)
        if not taken:
            return []  # another process was first
        config = _config(steps)
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if lacking := missing(connection, metadata):
            raise CannotMigrate(f"it has no {lacking[0]}")
    logger.info(
        "the database is of revision %s now, before of %s", taken[-1].revision, before or "none"
    )
    return taken


def _alone(connection: Connection) -> None:
    """Keep others that migrate out, until the transaction ends; a long reader only for a moment."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))


def _held(error: DBAPIError) -> bool:
    """Whether somebody else has the lock that was wanted."""
    return _state(error) in _LOCKED or "is locked" in str(error.orig)


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", ""))


def _scripts(steps: Path) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(steps))


def _config(steps: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.set_main_option("version_locations", str(steps / "versions").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config
