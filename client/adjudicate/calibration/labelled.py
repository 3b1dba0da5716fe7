"""Ads whose verdict people know: the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adjudicate.documents import Ad, Problem
from adjudicate.errors import Code
from adjudicate.sources import picture_ad, rows

COMPLIANT, VIOLATION = "compliant", "violation"

_FIELDS = ("text", "market", "product", "language", "advertiser")


@dataclass(frozen=True)
class Labelled:
    """One row: an ad, and what is true of it."""

    row: int
    """As a spreadsheet counts: the header is row 1."""
    ad: Ad
    """With a `problem` when the row cannot be used."""
    violating: bool = False
    category: str = ""
    """Of a violation; empty when it is not known."""
    group: str = ""
    """Ads of one group are alike, such as the sizes of one campaign."""


def labelled_at(path: Path) -> Iterator[Labelled]:
    """The rows of a CSV file with the columns `label`, and `file` (relative to it) or `text`.

    A label is `compliant`, `violation`, or a violation's category; the column `category` says it
    too. `group`, `market`, `product`, `language` and `advertiser` are taken where they stand.
    A row that cannot be read comes with the ad's problem, which names the row.

    Raises `FileNotFoundError`, and `ValueError` for a file without these columns.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}.")
    number = 1
    for number, row in enumerate(rows(path, ("file", "text")), 2):
        if "label" not in row:
            raise ValueError(f"{path} has no column label.")
        yield _labelled(path.parent, number, row)
    if number == 1:
        raise ValueError(f"{path} has no rows.")


def count_rows(path: Path) -> int:
    """How many rows there are, without reading a picture. Raises as `labelled_at`."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}.")
    return sum(1 for _ in rows(path, ("file", "text")))


def _labelled(folder: Path, number: int, row: dict[str, str]) -> Labelled:
    name = f"row {number}"
    label, category = row["label"], row.get("category", "")
    if not label:
        return Labelled(number, _refused(name, "the label is empty"))
    if not row.get("file") and not row.get("text"):
        return Labelled(number, _refused(name, "neither file nor text"))
    violating = label.lower() != COMPLIANT
    if violating and label.lower() != VIOLATION:
        if category and category != label:
            detail = f"label {label!r} and category {category!r} are two categories"
            return Labelled(number, _refused(name, detail))
        category = label
    fields = {key: row[key] for key in _FIELDS if row.get(key)}
    ad = (
        picture_ad(folder / row["file"], name, fields)
        if row.get("file")
        else Ad.parse({**fields, "id": name})
    )
    group = row.get("group") or name
    return Labelled(number, ad, violating, category if violating else "", group)


def _refused(name: str, detail: str) -> Ad:
    return Ad(id=name, problem=Problem(code=Code.INVALID_FIELD, detail=detail))
