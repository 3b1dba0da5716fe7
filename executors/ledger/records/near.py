"""The nearest pictures of all that were ever decided on, by their PDQ hashes, held in memory."""

from __future__ import annotations

import re
import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Table, select

from executors.ledger.keys import rows_with

Kind = TypeVar("Kind", bound=np.generic)

BITS = 256
"""Of a PDQ hash."""

_IS_HASH = re.compile(rf"[0-9a-f]{{{BITS // 4}}}").fullmatch
_WORDS = BITS // 64
_AT_ONCE = 50_000
"""Rows read, and hashes compared, at a time."""
_OVERLAP = 5_000
"""Rows that are read again each time: of two transactions of a server the later number may be seen
first. SQLite has one writer, and numbers in order."""


class NearPictures:
    """Follows the table of evidence. A million pictures take 40 MB; one that asks waits until the
    rows that came since the last time are read: all of them the first time.

    Blocking, and safe between threads.
    """

    def __init__(self, engine: Engine, evidence: Table) -> None:
        self._engine = engine
        self._evidence = evidence.c
        self._overlap = 0 if engine.dialect.name == "sqlite" else _OVERLAP
        self._numbers: NDArray[np.int64] = np.empty(0, np.int64)
        self._hashes: NDArray[np.uint64] = np.empty((0, _WORDS), np.uint64)
        self._held = 0
        self._last = 0
        self._lock = threading.Lock()

    def of(self, phash: str, most: int, limit: int) -> list[tuple[str, int]]:
        """Decisions whose picture's hash differs in `most` bits or fewer: id and distance, the
        nearest first and of equal ones the newest; `limit` at most. None for what is no hash.
        """
        if not _IS_HASH(phash):
            return []
        with self._lock:
            self._read_new()
            numbers, hashes = self._numbers[: self._held], self._hashes[: self._held]
        found = _nearest(numbers, hashes, packed([phash])[0], most)[:limit]
        return self._ids(found)

    def follow(self) -> None:
        """Read what has come since the last time, so that nobody waits for it. Raises what the
        database raises."""
        with self._lock:
            self._read_new()

    def _ids(self, found: list[tuple[int, int]]) -> list[tuple[str, int]]:
        """Of those that are still on record with their hash: others were erased meanwhile."""
        evidence = self._evidence
        query = select(evidence.number, evidence.decision_id).where(evidence.phash != "")
        with self._engine.connect() as connection:
            rows = rows_with(connection, query, evidence.number, [number for number, _ in found])
            ids = {row.number: row.decision_id for row in rows}
        return [(ids[number], distance) for number, distance in found if number in ids]

    def _read_new(self) -> None:
        evidence = self._evidence
        columns = select(evidence.number, evidence.phash).where(evidence.phash != "")
        after = self._last - self._overlap
        while True:
            query = columns.where(evidence.number > after).order_by(evidence.number)
            with self._engine.connect() as connection:
                rows = connection.execute(query.limit(_AT_ONCE)).all()
            if rows:
                self._add([row.number for row in rows], [row.phash for row in rows])
                after = rows[-1].number
            if len(rows) < _AT_ONCE:
                return

    def _add(self, numbers: list[int], hashes: list[str]) -> None:
        """Add what is not held yet."""
        came = np.array(numbers, np.int64)
        tail = self._numbers[max(0, self._held - 2 * self._overlap - _AT_ONCE) : self._held]
        new = ~np.isin(came, tail) if self._overlap else np.ones(len(came), bool)
        fresh = packed([one for one, is_new in zip(hashes, new.tolist(), strict=True) if is_new])
        end = self._held + len(fresh)
        if end > len(self._numbers):
            # New arrays: a search may be reading those before.
            room = max(end, len(self._numbers) * 2)
            self._numbers = _grown(self._numbers, self._held, room)
            self._hashes = _grown(self._hashes, self._held, room)
        self._numbers[self._held : end] = came[new]
        self._hashes[self._held : end] = fresh
        self._held = end
        self._last = max(self._last, numbers[-1])


def packed(hashes: list[str]) -> NDArray[np.uint64]:
    """`[N, 4] uint64` of N hashes of 64 hex digits; what is none becomes zeros."""
    sound = (one if _IS_HASH(one) else "0" * (BITS // 4) for one in hashes)
    return np.frombuffer(bytes.fromhex("".join(sound)), np.uint64).reshape(-1, _WORDS)


def _nearest(
    numbers: NDArray[np.int64], hashes: NDArray[np.uint64], phash: NDArray[np.uint64], most: int
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start in range(0, len(numbers), _AT_ONCE):
        part = hashes[start : start + _AT_ONCE]
        apart = np.bitwise_count(part ^ phash).sum(axis=1, dtype=np.int64)
        (near,) = np.nonzero(apart <= most)
        found += zip(numbers[start + near].tolist(), apart[near].tolist(), strict=True)
    return sorted(found, key=lambda one: (one[1], -one[0]))


def _grown(array: NDArray[Kind], held: int, room: int) -> NDArray[Kind]:
    grown = np.zeros((room, *array.shape[1:]), array.dtype)
    grown[:held] = array[:held]
    return grown
