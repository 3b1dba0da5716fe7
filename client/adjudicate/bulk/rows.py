"""A row of the input, and the reading of several rows at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from adjudicate.bulk.done import Done
from adjudicate.documents import Ad

READERS = 8
"""Pictures of an object store that are fetched at a time: each costs a round trip."""


@dataclass(frozen=True)
class Row:
    """One row; its picture is not in memory until it is read.

    `number` counts from 1. `name` is the ad's id where it is known without reading the ad.
    """

    number: int
    name: str
    read: Callable[[], Ad]


class Source(Protocol):
    """Ads in a stable order, from the beginning each time that it is asked."""

    @property
    def distant(self) -> bool:
        """Each picture costs a round trip."""

    def identity(self) -> dict[str, str | int]:
        """What tells this input from another; equal as long as it is the same."""

    def rows(self, done: Done) -> Iterator[Row]:
        """The rows that are not done, one at a time. Asks `done.stands` for each row."""

    def count(self) -> int | None:
        """How many rows there are; None where counting costs as much as reading."""


def read_ahead(rows: Iterable[Row], readers: int) -> Iterator[tuple[Row, Ad]]:
    """Each row with its ad, in order, `readers` being read at a time; 1 reads as it goes."""
    if readers == 1:
        for row in rows:
            yield row, row.read()
        return
    with ThreadPoolExecutor(readers, thread_name_prefix="adjudicate-read") as pool:
        ahead: deque[tuple[Row, Future[Ad]]] = deque()
        try:
            for row in rows:
                ahead.append((row, pool.submit(row.read)))
                if len(ahead) >= readers:
                    first, reading = ahead.popleft()
                    yield first, reading.result()
            while ahead:
                first, reading = ahead.popleft()
                yield first, reading.result()
        finally:
            for _, reading in ahead:
                reading.cancel()
