"""A library's exemplars on disk, as `import` takes them."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adjudicate.client import AsyncClient
from adjudicate.content import content_hash
from adjudicate.documents import Exemplar
from adjudicate.transfer.reading import BANK_COLUMNS, BANKS, COLUMNS, TABLE

FORMATS = ("folder", "csv", "jsonl")
_PAGE = 100
_AT_ONCE = 4
_MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}
_SUFFIXES = (*dict.fromkeys(_MAGIC.values()), ".avif", ".bin")


@dataclass
class Report:
    """How many exemplars stand in the export, and how many pictures were there already."""

    exported: int = 0
    pictures: int = 0
    there_already: int = 0

    def __str__(self) -> str:
        return (
            f"{self.exported} exported, {self.pictures} pictures fetched, "
            f"{self.there_already} there already"
        )


def format_of(path: Path) -> str:
    """By the name: `.csv`, `.jsonl`, else a folder."""
    return {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(path.suffix.lower(), "folder")


async def export_exemplars(
    client: AsyncClient,
    path: Path,
    kind: str,
    *,
    bank: str = "",
    category: str = "",
    polarity: str = "",
    on_rows: Callable[[int], None] = lambda count: None,
) -> Report:
    """Write the exemplars to `path` in one of `FORMATS`; filters that are empty mean all.

    A table appears under its name when it is complete. Stopped and begun again, the export fetches
    only the pictures that are not there, or not as they should be. Raises as `AsyncLibrary.list`,
    and `OSError`.
    """
    report = Report()
    list_page = partial(
        client.library.list,
        limit=_PAGE,
        sort="id",
        bank=bank,
        category=category,
        polarity=polarity,
    )
    pages = _pages(list_page, report, on_rows)
    if kind == "jsonl":
        await _write_lines(client, path, pages, report)
        return report
    table = path / TABLE if kind == "folder" else path
    table.parent.mkdir(parents=True, exist_ok=True)
    await _write_table(client, table, pages, report)
    if kind == "folder":
        await _write_banks(client, path / BANKS, bank)
    return report


async def _pages(
    list_page: Callable[..., Awaitable[list[Exemplar]]],
    report: Report,
    on_rows: Callable[[int], None],
) -> AsyncIterator[list[Exemplar]]:
    after = ""
    while page := await list_page(after=after):
        yield page
        report.exported += len(page)
        on_rows(len(page))
        after = page[-1].id or ""


async def _write_table(
    client: AsyncClient, table: Path, pages: AsyncIterator[list[Exemplar]], report: Report
) -> None:
    images = table.parent / "images"
    unfinished = table.with_name(table.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        async for page in pages:
            there = [_picture_there(images, exemplar) for exemplar in page]
            wanted = [e for e, name in zip(page, there, strict=True) if name is None]
            report.there_already += sum(1 for name in there if name)
            fetched = iter(await _pictures(client, wanted))
            for exemplar, name in zip(page, there, strict=True):
                if name is None:
                    name = _save_picture(images, exemplar, next(fetched))
                    report.pictures += 1
                writer.writerow({**_fields(exemplar), "file": name and f"images/{name}"})
    unfinished.replace(table)


def _fields(exemplar: Exemplar) -> dict[str, Any]:
    fields = {name: getattr(exemplar, name) for name in COLUMNS if name != "file"}
    return {**fields, "enabled": str(exemplar.enabled).lower()}


def _pictureless(exemplar: Exemplar) -> bool:
    return content_hash(None, exemplar.text) == exemplar.content_hash


def _picture_there(images: Path, exemplar: Exemplar) -> str | None:
    """The name of the picture's file, empty for an exemplar without one; None if it is missing or
    is not what the library holds."""
    if _pictureless(exemplar):
        return ""
    for suffix in _SUFFIXES:
        path = images / f"{exemplar.content_hash}{suffix}"
        if path.is_file() and _is_content(path.read_bytes(), exemplar):
            return path.name
    return None


def _is_content(picture: bytes | None, exemplar: Exemplar) -> bool:
    return content_hash(picture, exemplar.text) == exemplar.content_hash


def _save_picture(images: Path, exemplar: Exemplar, picture: bytes) -> str:
    images.mkdir(exist_ok=True)
    suffix = next((s for magic, s in _MAGIC.items() if picture.startswith(magic)), ".bin")
    if picture[4:8] == b"ftyp":
        suffix = ".avif"
    name = f"{exemplar.content_hash}{suffix}"
    unfinished = images / f"{name}.part"
    unfinished.write_bytes(picture)
    unfinished.replace(images / name)
    return name


async def _pictures(client: AsyncClient, exemplars: list[Exemplar]) -> list[bytes]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def fetch(exemplar: Exemplar) -> bytes:
        async with gate:
            found = await client.library.get(exemplar.id or "")
        return bytes(found.image or b"")

    return list(await asyncio.gather(*map(fetch, exemplars)))


async def _write_banks(client: AsyncClient, path: Path, only: str) -> None:
    """The banks that were ever switched or noted: a new library has the others as they are."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, BANK_COLUMNS)
        writer.writeheader()
        for bank in await client.library.banks():
            if bank.changed_at and only in ("", bank.name):
                fields = {name: getattr(bank, name) for name in BANK_COLUMNS}
                writer.writerow({**fields, "enabled": str(bank.enabled).lower()})


async def _write_lines(
    client: AsyncClient, path: Path, pages: AsyncIterator[list[Exemplar]], report: Report
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    earlier = path.with_name(path.name + ".earlier")
    _keep_larger(unfinished, earlier)
    source = earlier if earlier.exists() else path
    there = _Lines(source)
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            async for page in pages:
                pictures = [there.picture(exemplar) for exemplar in page]
                wanted = [e for e, p in zip(page, pictures, strict=True) if p is None]
                report.there_already += sum(1 for picture in pictures if picture)
                report.pictures += len(wanted)
                fetched = iter(await _pictures(client, wanted))
                for exemplar, picture in zip(page, pictures, strict=True):
                    image = next(fetched) if picture is None else picture
                    file.write(_line(exemplar, image) + "\n")
    finally:
        there.close()
    unfinished.replace(path)
    earlier.unlink(missing_ok=True)


def _line(exemplar: Exemplar, image: bytes) -> str:
    fields = {name: getattr(exemplar, name) for name in COLUMNS if name != "file"}
    kept = {name: value for name, value in fields.items() if value != ""}
    encoded = {"image": base64.b64encode(image).decode("ascii")} if image else {}
    return json.dumps({**kept, **encoded}, ensure_ascii=False)


def _keep_larger(unfinished: Path, earlier: Path) -> None:
    """An export that was stopped more than once goes on from the longest of its files."""
    size = earlier.stat().st_size if earlier.exists() else -1
    if unfinished.exists() and unfinished.stat().st_size > size:
        os.replace(unfinished, earlier)


class _Lines:
    """An earlier export, read along with the listing: both are in the order of the ids."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb") if path.exists() else None
        self._lines = self._read()
        self._next = next(self._lines, None)

    def picture(self, exemplar: Exemplar) -> bytes | None:
        """The exemplar's picture, empty for one without; None if it is not there as it should."""
        if _pictureless(exemplar):
            return b""
        while self._next is not None and self._next[0] < (exemplar.id or ""):
            self._next = next(self._lines, None)
        if self._next is None or self._next[0] != exemplar.id:
            return None
        return self._next[1] if _is_content(self._next[1], exemplar) else None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self) -> Iterator[tuple[str, bytes]]:
        for line in self._file or ():
            try:
                data = json.loads(line)
                yield str(data["id"]), base64.b64decode(data.get("image") or "")
            except (ValueError, KeyError, TypeError):
                return  # the line at which the export was stopped
