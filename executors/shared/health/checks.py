"""Readiness: named checks, each with what it found, asked in one thread and kept for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import Engine, Table, false, update
from sqlalchemy.exc import SQLAlchemyError

KEPT_S = 1.0
"""How long an answer is given again: probes of several askers cost one check."""
PATIENCE_S = 5.0
"""How long a probe waits for the checks. They go on, and the next probe finds them."""


class NotReady(Exception):
    """A check failed. The message says why, and shows no secret."""


Check = Callable[[], str]
"""Returns what it found, such as a version; raises `NotReady`."""


@dataclass(frozen=True)
class Found:
    """What one check found."""

    name: str
    ok: bool
    detail: str


class Checks:
    """Asked by any thread. However many ask, and however long a check takes, one thread is at
    work on it."""

    def __init__(self, checks: Callable[[], Mapping[str, Check]]) -> None:
        self._checks = checks
        self._thread = ThreadPoolExecutor(1, "readiness")
        self._lock = threading.Lock()
        self._asked: Future[list[Found]] | None = None
        self._fresh_until = 0.0

    def found(self) -> list[Found]:
        """What every check found. A check that takes too long is a failed one."""
        try:
            return self._under_way().result(PATIENCE_S)
        except TimeoutError:
            return [Found("checks", False, f"not done after {PATIENCE_S:g} s")]

    def close(self) -> None:
        """Begin no further check."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _under_way(self) -> Future[list[Found]]:
        with self._lock:
            asked = self._asked
            if asked is None or (asked.done() and time.monotonic() >= self._fresh_until):
                asked = self._asked = self._thread.submit(self._all)
            return asked

    def _all(self) -> list[Found]:
        found = [_found(name, check) for name, check in self._checks().items()]
        self._fresh_until = time.monotonic() + KEPT_S
        return found


def _found(name: str, check: Check) -> Found:
    try:
        return Found(name, True, check())
    except NotReady as reason:
        return Found(name, False, str(reason))
    except Exception as error:  # a check that breaks has not found the room ready
        return Found(name, False, type(error).__name__)


def writable(engine: Engine, table: Table) -> Check:
    """Whether a transaction can write to the table; it changes nothing."""

    def check() -> str:
        column = next(iter(table.primary_key.columns))
        nothing = update(table).where(false()).values({column: column})
        try:
            # Takes SQLite's write lock; a PostgreSQL that is read-only refuses the statement.
            with engine.execution_options(writes=True).begin() as connection:
                connection.execute(nothing)
        except SQLAlchemyError as error:
            raise NotReady(reason(error)) from None
        return engine.dialect.name

    return check


def reason(error: SQLAlchemyError) -> str:
    """The database's own words in one line, without the statement and its values."""
    lines = str(getattr(error, "orig", None) or "").strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
