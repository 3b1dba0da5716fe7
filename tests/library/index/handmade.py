"""Entries, and a store of them that a test writes by hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from executors.library.index import Vectors
from executors.library.store import Entry


def entry(name: str, image: Vectors | None = None, **fields: Any) -> Entry:
    labels: dict[str, Any] = {
        "category": "cure",
        "rule": "CN-AL-16",
        "polarity": "violation",
        "severity": "medium",
        "bank": "main",
        "phash": "",
        "enabled": True,
        "text": None,
        **fields,
    }
    return Entry(id=name, image=image, **labels)


class HandmadeStore:
    """What `FollowingIndex` follows. Every entry holds for every encoder version."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[int, Entry]] = {}
        self.now = 0
        self.asked: list[tuple[int, str]] = []
        self.read = 0

    def put(self, *entries: Entry) -> None:
        self.now += 1
        for one in entries:
            self.entries[one.id] = self.now, one

    def version(self) -> int:
        return self.now

    def changes_since(self, version: int, encoder_version: str) -> tuple[int, Iterator[Entry]]:
        self.asked.append((version, encoder_version))
        return self.now, self._changed(version)

    def _changed(self, version: int) -> Iterator[Entry]:
        for moved, one in list(self.entries.values()):
            if moved > version:
                self.read += 1
                yield one


def axis(number: int, dimension: int = 8) -> Vectors:
    return np.eye(dimension, dtype=np.float32)[number]
