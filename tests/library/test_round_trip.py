"""A library exported and imported into an empty one is the same library."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docarray import DocList
from sqlalchemy import select

from adjudicate.client import AsyncClient
from adjudicate.documents import Bank, Exemplar, Lookup
from adjudicate.transfer.exporting import export_exemplars, format_of
from adjudicate.transfer.importing import Report, import_banks, import_exemplars
from adjudicate.transfer.reading import banks_at, rows_at
from adjudicate.transports.base import Page
from executors.library.executor import Library
from executors.library.schema import BANKS, EXEMPLARS, IMAGES
from executors.shared.settings import LibrarySettings, Settings
from tests.services.tables import fresh_sqlite

LABELS = {"category": "cure", "rule": "CN-AL-16", "severity": "high"}


class RoomTransport:
    """The library room without a network, and in place of the encoder a vector per content."""

    def __init__(self, room: Library) -> None:
        self._room = room

    async def list_exemplars(self, page: Page) -> list[Exemplar]:
        return list(await self._room.list_exemplars(_asked(""), page.parameters()))

    async def get_exemplar(self, exemplar_id: str) -> Exemplar:
        return (await self._room.list_exemplars(_asked(exemplar_id), {"image": True}))[0]

    async def held_exemplars(self, hashes: Sequence[str]) -> list[Exemplar]:
        found = await self._room.held(DocList[Lookup]([Lookup(id=name) for name in hashes]))
        return [exemplar for exemplar in found if exemplar.problem is None]

    async def add_exemplars(self, exemplars: Sequence[Exemplar], dry: bool) -> list[Exemplar]:
        for exemplar in exemplars:
            if exemplar.image is not None:
                exemplar.image_embedding = _vector(exemplar.image)
            if exemplar.text:
                exemplar.text_embedding = _vector(exemplar.text.encode())[None]
        return list(await self._room.add(DocList[Exemplar](exemplars), {"dry_run": dry}))

    async def banks(self) -> list[Bank]:
        return list(await self._room.banks(_asked("")))

    async def switch_bank(self, name: str, fields: dict[str, Any]) -> Bank:
        return (await self._room.switch_bank(_asked(name), fields))[0]


def _asked(name: str) -> DocList[Lookup]:
    return DocList[Lookup]([Lookup(id=name)])


def _vector(content: bytes) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(16)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def client_of(room: Library, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    client = AsyncClient("grpc://localhost:1")
    monkeypatch.setattr(client, "_transport", lambda: RoomTransport(room))
    return client


def rows_of(room: Library) -> tuple[list[Any], ...]:
    """Everything that the library keeps but embeddings and revisions."""
    kept = [column for column in EXEMPLARS.columns if column.name != "revision"]
    banks = [column for column in BANKS.columns if column.name != "changed_at"]
    queries = [
        select(*kept).order_by(EXEMPLARS.c.id),
        select(IMAGES).order_by(IMAGES.c.exemplar_id),
        select(*banks).order_by(BANKS.c.name),
    ]
    with room._store.engine.connect() as connection:
        return tuple(list(connection.execute(query)) for query in queries)


async def fill(room: Library, client: AsyncClient) -> None:
    who = {"added_by": "ann", "added_at": "2024-05-06T09:08:09.000001+02:00"}
    exemplars = [
        Exemplar(image=b"\x89PNG one", **LABELS, **who, note='two\r\nlines, "quoted", '),
        Exemplar(image=b"\xff\xd8\xff two", text="治愈率高达98%\n=1+1", **LABELS, bank="spring"),
        Exemplar(text="May support sleep.", polarity="lookalike", enabled=False),
        *(Exemplar(text=f"cures number {i}", **LABELS) for i in range(250)),
    ]
    answers = await client.library.add(exemplars)
    assert [answer.problem for answer in answers if answer.problem] == []
    gone = (await client.library.add(Exemplar(text="gone", **LABELS)))[0]
    await room.remove(_asked(gone.id or ""))
    await client.library.switch_bank("spring", False, by="bob", note="season, over")


async def imported(client: AsyncClient, path: Path, *, dry_run: bool = False) -> Report:
    await import_banks(client, banks_at(path), dry_run=dry_run)
    return await import_exemplars(client, rows_at(path, {}), dry_run=dry_run)


@pytest.fixture
def empty(
    open_library: Callable[..., Library], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Library:
    thresholds = tmp_path / "thresholds.yaml"
    section = LibrarySettings(thresholds=thresholds)
    settings = Settings(database=fresh_sqlite(tmp_path / "other.db"), library=section)
    return Library(settings=settings)


@pytest.mark.parametrize("name", ["folder", "all.csv", "all.jsonl"])
async def test_what_comes_back_is_what_went_out(
    library: Library, empty: Library, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = client_of(library, monkeypatch), client_of(empty, monkeypatch)
    await fill(library, client)
    path = tmp_path / "out" / name
    exported = await export_exemplars(client, path, format_of(path))
    assert (exported.exported, exported.pictures) == (253, 2)
    dry = await imported(other, path, dry_run=True)
    assert rows_of(empty)[0] == []
    report = await imported(other, path)
    assert report == dry
    assert (report.added, report.repeated, report.refused) == (253, 0, 0)
    before, after = rows_of(library), rows_of(empty)
    assert after[0] == [row for row in before[0] if not row.removed]
    assert after[1] == before[1]
    if name == "folder":  # only a folder says how banks are switched
        assert after[2] == before[2]
    again = await imported(other, path)
    assert (again.added, again.repeated) == (0, 253)
    assert rows_of(empty) == after
