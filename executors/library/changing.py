"""A change of the library: one transaction, which moves the table's version by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select, update

from executors.library.schema import BANKS, CHANGES, VERSION
from executors.shared.database import upsert, writing

_PARAMETERS = 500
"""In one `IN (…)`: the least that any SQLite allows a statement is 999."""


@dataclass
class Change:
    """A transaction that may change the library."""

    connection: Connection
    revision: int
    """What each row that it changes must carry."""
    at: str
    """UTC, ISO 8601."""
    changed: bool = False
    """Set by whoever changes a row; without it the version stays."""

    def log(
        self, what: str, by: str, note: str = "", *, ids: Sequence[str] = (), bank: str = ""
    ) -> None:
        """Write down who did what to exemplars or to a bank."""
        said = {"what": what, "by": by, "note": note, "at": self.at, "bank": bank}
        rows = [{**said, "exemplar_id": exemplar_id} for exemplar_id in (ids or [""])]
        self.connection.execute(insert(CHANGES), rows)

    def make_banks(self, names: Collection[str]) -> None:
        """Those of the banks that are not there yet; a new bank is switched on."""
        new = {"enabled": True, "note": "", "changed_by": "", "changed_at": ""}
        if names:
            statement = upsert(self.connection, BANKS).on_conflict_do_nothing()
            self.connection.execute(statement, [{"name": name, **new} for name in sorted(names)])


@contextmanager
def changing(engine: Engine, *, dry_run: bool = False) -> Iterator[Change]:
    """A change: committed at the end, rolled back when anything raises or in a dry run.

    The version's row is locked first and until the end. So changes follow each other, what was
    read still holds when it is written, and revisions become visible in their order.
    """
    with writing(engine) as connection:
        version = connection.execute(select(VERSION.c.version).with_for_update()).scalar_one()
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        change = Change(connection, int(version) + 1, at)
        yield change
        if dry_run:
            connection.rollback()
        elif change.changed:
            connection.execute(update(VERSION).values(version=change.revision))


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """The values in parts that fit in one statement."""
    for start in range(0, len(values), _PARAMETERS):
        yield values[start : start + _PARAMETERS]
