"""The input of a bulk review: a folder, a manifest, JSON lines or Parquet, here or in a store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from adjudicate.bulk.done import Done
from adjudicate.bulk.rows import Row, Source
from adjudicate.bulk.storage import Place, pictures, place
from adjudicate.documents import Ad, Problem
from adjudicate.errors import Code
from adjudicate.sources import AD_COLUMNS, MAX_FILE, PICTURES

MAX_LINE = 2 * MAX_FILE
"""Bytes of a line of JSON: a picture in base64 and what stands beside it."""
_CHEAP = 1024**3
"""Bytes of a file whose lines are counted."""
_ID = 200
"""Characters of an ad's id at most."""

Fields = Mapping[str, str]


def open_source(what: str, fields: Fields) -> Source:
    """The input that the command line names; `fields` fill what an ad does not say itself.

    Raises `ValueError` for what cannot be read again after a stop, and as `place` does.
    """
    if what == "-":
        raise ValueError(
            "With --out the input is read again after a stop, and stdin cannot be: save it to a "
            "file first."
        )
    held = place(what)
    if held.size is None:
        return Folder(held, fields)
    if held.suffix == ".csv":
        return Manifest(held, fields)
    if held.suffix in (".jsonl", ".ndjson"):
        return JsonLines(held, fields)
    if held.suffix in (".parquet", ".pq"):
        from adjudicate.bulk.parquet import ParquetRows

        return ParquetRows(held, fields)
    if held.suffix in PICTURES:
        return Single(held, fields)
    raise ValueError(
        f"{what} is not a manifest (.csv), JSON lines (.jsonl), Parquet, a picture or a folder."
    )


@dataclass(frozen=True)
class _Held:
    held: Place
    fields: Fields

    @property
    def distant(self) -> bool:
        return not self.held.local

    def identity(self) -> dict[str, str | int]:
        return self.held.identity()


class Folder(_Held):
    """Pictures, searched recursively; an ad's id is the picture's path below the folder."""

    def rows(self, done: Done) -> Iterator[Row]:
        for number, path in enumerate(pictures(self.held), 1):
            name = short(str(PurePosixPath(path).relative_to(self.held.path)))
            if not done.stands(number, name):
                yield Row(number, name, partial(picture, self.held, path, name, self.fields))

    def count(self) -> int | None:
        return sum(1 for _ in pictures(self.held))


class Single(_Held):
    """One picture."""

    def rows(self, done: Done) -> Iterator[Row]:
        name = short(PurePosixPath(self.held.path).name)
        if not done.stands(1, name):
            yield Row(1, name, partial(picture, self.held, self.held.path, name, self.fields))

    def count(self) -> int | None:
        return 1


class Manifest(_Held):
    """A CSV file with a header: `file` or `text`, and the ad's other columns.

    Columns that are not known, such as labels, are left alone.
    """

    def rows(self, done: Done) -> Iterator[Row]:
        for number, row in self._numbered():
            name = short(row.get("id") or row.get("file") or f"row {number}")
            if not done.stands(number, name):
                yield Row(number, name, partial(self._ad, row, name))

    def count(self) -> int | None:
        if self.held.size is not None and self.held.size > _CHEAP:
            return None
        return sum(1 for _ in self._numbered())

    def _numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        with self.held.open() as file:
            reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
            if not {"file", "text"} & set(reader.fieldnames or ()):
                raise ValueError(f"{self.held.url} has neither of the columns file and text.")
            for number, row in enumerate(reader, 1):
                yield number, {k: (v or "").strip() for k, v in row.items() if k}

    def _ad(self, row: dict[str, str], name: str) -> Ad:
        said = {column: row[column] for column in AD_COLUMNS if row.get(column)}
        if row.get("file"):
            return picture(self.held, self.held.beside(row["file"]), name, {**self.fields, **said})
        return Ad.parse({**self.fields, **said, "id": name})


class JsonLines(_Held):
    """An ad per line; a line that cannot be read is an ad with that problem, not the end."""

    @property
    def distant(self) -> bool:
        return False  # the pictures are in the lines

    def rows(self, done: Done) -> Iterator[Row]:
        with self.held.open() as file:
            for number, line in _lines(file):
                if not done.stands(number):
                    yield Row(number, "", partial(self._ad, line, number))

    def count(self) -> int | None:
        if self.held.size is None or self.held.size > _CHEAP:
            return None
        with self.held.open() as file:
            return sum(1 for _ in _lines(file))

    def _ad(self, line: bytes, number: int) -> Ad:
        name = f"line {number}"
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            return Ad.parse({**self.fields, "id": name, **data})
        long = f" of at most {MAX_LINE // 2**20} MiB" if len(line) > MAX_LINE else ""
        return unreadable(name, Code.INVALID_FIELD, f"{name} is not a JSON object{long}")


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE + 1)
        if line.strip():
            yield number, line


def picture(held: Place, path: str, name: str, fields: Fields) -> Ad:
    """The ad of one picture; a file that cannot be read is the ad's problem."""
    try:
        data = held.read(path)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        return unreadable(name, Code.IMAGE_UNREADABLE, f"{path}: {_why(error)}")
    except OSError as error:
        if held.local:
            return unreadable(name, Code.IMAGE_UNREADABLE, f"{path}: {_why(error)}")
        return unreadable(name, Code.URL_UNREACHABLE, f"{path}: {_why(error)}")
    return ad_of({**fields, "id": name, "image": data})


def ad_of(data: dict[str, Any]) -> Ad:
    """The ad of these fields; a picture of more than `MAX_FILE` bytes is its problem."""
    if len(data.get("image") or b"") <= MAX_FILE:
        return Ad.parse(data)
    detail = f"more than {MAX_FILE // 2**20} MiB"
    return unreadable(data["id"], Code.IMAGE_TOO_LARGE, detail)


def unreadable(name: str, code: Code, detail: str) -> Ad:
    """An ad that carries its problem to its decision."""
    return Ad(id=name, problem=Problem(code=code, detail=detail))


def short(name: str) -> str:
    """An id is no longer than 200 characters; of a longer path the end tells most."""
    return name if len(name) <= _ID else f"…{name[-_ID + 1 :]}"


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
