"""The exemplars of a folder, a CSV file with pictures, or JSON lines, one at a time."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adjudicate.documents import Bank, Exemplar, Problem
from adjudicate.errors import Code
from adjudicate.sources import MAX_FILE, pictures_in, read_picture, rows

COLUMNS = (
    *("id", "file", "text", "category", "rule", "severity", "polarity", "bank", "enabled", "note"),
    *("added_by", "added_at"),
)
"""Of a CSV file, in the order in which an export writes them. Others are left alone."""

TABLE, LINES, BANKS = "exemplars.csv", "exemplars.jsonl", "banks.csv"
"""What a folder may hold."""

BANK_COLUMNS = ("name", "enabled", "note", "changed_by", "changed_at")

_AS_THEY_STAND = ("text", "note")
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Row:
    """An exemplar and where it stands. What is wrong with it is the exemplar's `problem`."""

    place: str
    """For people: `row 3`, `line 3`, or the picture's path."""
    exemplar: Exemplar


def rows_at(path: Path, defaults: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a CSV file, of JSON lines, of a folder that has an `exemplars.csv` or an
    `exemplars.jsonl`, of a folder's pictures (searched recursively), or of one picture.

    `defaults` fill what a row leaves empty. An exemplar without an id gets one from its content,
    so that a second import adds nothing. Raises `FileNotFoundError`, and `ValueError` for a table
    without the columns that it needs.
    """
    table, kind = _table(path)
    if kind == "csv":
        yield from _table_rows(table, defaults)
    elif kind == "jsonl":
        yield from _line_rows(table, defaults)
    elif kind == "folder":
        for picture in pictures_in(path):
            yield _row(str(picture.relative_to(path)), {}, picture, defaults)
    else:
        yield _row(path.name, {}, path, defaults)


def count_at(path: Path) -> int:
    """How many rows `rows_at` will give, without reading a picture. Raises as `rows_at`."""
    table, kind = _table(path)
    if kind == "csv":
        return sum(1 for _ in rows(table, ("file", "text")))
    if kind == "jsonl":
        with table.open("rb") as lines:
            return sum(1 for line in lines if line.strip())
    return sum(1 for _ in pictures_in(path)) if kind == "folder" else 1


def banks_at(path: Path) -> list[Bank]:
    """The banks of a folder's `banks.csv`. Raises `ValueError` for one that cannot be read."""
    table = path / BANKS
    banks = []
    for number, row in enumerate(rows(table, ("name",)) if table.is_file() else (), 1):
        try:
            fields = {name: row[name] for name in BANK_COLUMNS if row.get(name)}
            banks.append(Bank.model_validate(fields))
        except ValidationError as error:
            raise ValueError(f"{table}, row {number}: {error.errors()[0]['msg']}.") from None
    return banks


def exemplar(fields: Mapping[str, Any]) -> Exemplar:
    """An exemplar of plain fields, its id made from its content if it has none.

    Never raises: a wrong field becomes its `problem`.
    """
    image = fields.get("image")
    content = hashlib.sha256(image if isinstance(image, bytes) else str(image or "").encode())
    content.update(
        "\0".join(["", *(str(fields.get(n, "")) for n in ("text", "polarity"))]).encode()
    )
    return Exemplar.parse({"id": content.hexdigest()[:32], **fields})


def _table(path: Path) -> tuple[Path, str]:
    if path.is_dir():
        if (path / TABLE).exists():
            return path / TABLE, "csv"
        return (path / LINES, "jsonl") if (path / LINES).exists() else (path, "folder")
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}.")
    if path.suffix.lower() == ".csv":
        return path, "csv"
    return path, "jsonl" if path.suffix.lower() in _JSON_LINES else "picture"


def _table_rows(table: Path, defaults: Mapping[str, str]) -> Iterator[Row]:
    try:
        for number, row in enumerate(rows(table, ("file", "text"), strip=False), 1):
            fields = {
                name: row[name] if name in _AS_THEY_STAND else row[name].strip()
                for name in COLUMNS
                if (row.get(name) or "").strip()
            }
            file = fields.pop("file", "")
            yield _row(f"row {number}", fields, table.parent / file if file else None, defaults)
    except csv.Error as error:
        raise ValueError(f"{table} cannot be read as CSV: {error}.") from None


def _line_rows(table: Path, defaults: Mapping[str, str]) -> Iterator[Row]:
    with table.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"line {number}"
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                yield Row(place, _broken(Code.INVALID_FIELD, "it is not a JSON object"))
                continue
            fields = {name: value for name, value in data.items() if value not in (None, "")}
            file = fields.pop("file", None)
            picture = table.parent / file if isinstance(file, str) else None
            yield _row(place, fields, picture, defaults)


def _row(
    place: str, fields: Mapping[str, Any], picture: Path | None, defaults: Mapping[str, str]
) -> Row:
    given: dict[str, Any] = {**{k: v for k, v in defaults.items() if v}, **fields}
    if picture is not None:
        try:
            given["image"] = read_picture(picture)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return Row(place, _broken(Code.IMAGE_UNREADABLE, f"{picture}: {reason}"))
        if len(given["image"]) > MAX_FILE:
            detail = f"{picture}: more than {MAX_FILE // 2**20} MiB"
            return Row(place, _broken(Code.IMAGE_TOO_LARGE, detail))
    elif isinstance(given.get("image"), str):
        # Decoded here, so that the id and the content's hash are those of the same picture's file.
        given["image"] = Exemplar.parse({"image": given["image"]}).image or given["image"]
    return Row(place, exemplar(given))


def _broken(code: Code, detail: str) -> Exemplar:
    return Exemplar(problem=Problem(code=code, detail=detail))
