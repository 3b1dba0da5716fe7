"""A library room on a database of its own."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from executors.library.executor import Library
from executors.shared import room
from executors.shared.settings import LibrarySettings, Settings


@pytest.fixture
def database(any_database: str) -> str:
    """Every test of the library runs on SQLite and on PostgreSQL."""
    return any_database


@pytest.fixture
def open_library(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Library]]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    thresholds = tmp_path / "thresholds.yaml"
    thresholds.write_text("image: {cure: 0.7}\ntext: {cure: 0.6}\n", encoding="utf-8")
    opened: list[Library] = []

    def make(shared: Mapping[str, Any] = MappingProxyType({}), **changes: Any) -> Library:
        section = {"thresholds": thresholds, "audit_share": 0.0, "stale_wait_s": 0.0, **changes}
        settings = Settings(database=database, library=LibrarySettings(**section), **shared)
        opened.append(Library(settings=settings))
        return opened[-1]

    yield make
    for library in opened:
        library.close()


@pytest.fixture
def library(open_library: Callable[..., Library]) -> Library:
    return open_library()
