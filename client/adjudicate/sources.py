"""Ads from files, folders, manifests and pipes, read one at a time."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from adjudicate.documents import Ad, Problem
from adjudicate.errors import Code

PICTURES = frozenset(
    (*(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"),)
)
"""Suffixes that a folder is searched for."""
MAX_FILE = 64 * 1024 * 1024
"""Bytes. No picture of an ad is larger; a file that is must not fill the memory."""
AD_COLUMNS = ("text", "advertiser", "market", "language", "product")


def ads_at(path: Path, defaults: Mapping[str, str]) -> Iterator[Ad]:
    """The ads of a picture, a folder of pictures (searched recursively), a manifest
    (`.csv`) or JSON lines (`.jsonl`). `defaults` fill what an ad does not say itself.

    Raises `FileNotFoundError`, and `ValueError` for a manifest without the columns it needs.
    """
    if path.is_dir():
        for picture in pictures_in(path):
            yield picture_ad(picture, str(picture.relative_to(path)), defaults)
    elif not path.exists():
        raise FileNotFoundError(f"There is no {path}.")
    elif path.suffix.lower() == ".csv":
        yield from manifest_ads(path, defaults)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        with path.open("rb") as lines:
            yield from json_ads(lines, defaults)
    else:
        yield picture_ad(path, path.name, defaults)


def stdin_ads(stream: BinaryIO, defaults: Mapping[str, str]) -> Iterator[Ad]:
    """JSON lines when the first byte opens an object, else one picture's bytes; empty, no ads."""
    first = stream.read(1)
    if not first:
        return
    if first.isspace() or first == b"{":
        opening = first + stream.readline()
        yield from json_ads(itertools.chain([opening], stream), defaults)
    else:
        data = first + stream.read(MAX_FILE)
        yield _checked(Ad.parse({**defaults, "id": "stdin", "image": data}), len(data))


def json_ads(lines: Iterable[bytes], defaults: Mapping[str, str]) -> Iterator[Ad]:
    """An ad per line; a line that cannot be read is an ad with that problem, not the end."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError:
            data = None
        if isinstance(data, dict):
            yield Ad.parse({**defaults, "id": f"line {number}", **data})
        else:
            detail = f"line {number} is not a JSON object"
            problem = Problem(code=Code.INVALID_FIELD, detail=detail)
            yield Ad(id=f"line {number}", problem=problem)


def manifest_ads(path: Path, defaults: Mapping[str, str]) -> Iterator[Ad]:
    """An ad per row: `file` (relative to the manifest), `text` and the ad's other columns.

    Columns that it does not know, such as labels, are left alone.
    """
    for number, row in enumerate(rows(path, ("file", "text")), 1):
        fields = {name: row[name] for name in AD_COLUMNS if row.get(name)}
        ad_id = row.get("id") or row.get("file") or f"row {number}"
        if row.get("file"):
            picture = path.parent / row["file"]
            yield picture_ad(picture, ad_id, {**defaults, **fields})
        else:
            yield Ad.parse({**defaults, **fields, "id": ad_id})


def picture_ad(path: Path, ad_id: str, fields: Mapping[str, str]) -> Ad:
    """The ad of one picture; a file that cannot be read is the ad's problem."""
    try:
        data = read_picture(path)
    except OSError as error:
        detail = f"{path}: {error.strerror or error}"
        return Ad(id=ad_id, problem=Problem(code=Code.IMAGE_UNREADABLE, detail=detail))
    return _checked(Ad.parse({**fields, "id": ad_id, "image": data}), len(data))


def pictures_in(folder: Path) -> Iterator[Path]:
    """Every picture file below `folder`, by name, one folder's names in memory at a time."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in PICTURES:
                yield Path(here, name)


def read_picture(path: Path) -> bytes:
    """The file's bytes, one more than `MAX_FILE` at most."""
    with path.open("rb") as file:
        return file.read(MAX_FILE + 1)


def rows(path: Path, any_of: tuple[str, ...], *, strip: bool = True) -> Iterator[dict[str, str]]:
    """The rows of a CSV file with a header, UTF-8 with or without a byte order mark.

    Raises `ValueError` unless it has at least one of the columns `any_of`.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if not set(any_of) & set(reader.fieldnames or ()):
            raise ValueError(f"{path} has neither of the columns {' and '.join(any_of)}.")
        for row in reader:
            given = {name: value or "" for name, value in row.items() if name}
            yield {k: v.strip() for k, v in given.items()} if strip else given


def _checked(ad: Ad, size: int) -> Ad:
    if size <= MAX_FILE:
        return ad
    detail = f"more than {MAX_FILE // 2**20} MiB"
    return Ad(id=ad.id, problem=Problem(code=Code.IMAGE_TOO_LARGE, detail=detail))
