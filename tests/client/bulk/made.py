"""Inputs of bulk reviews, and what became of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adjudicate.bulk.output import Output
from adjudicate.bulk.rows import Source

PNG = b"\x89PNG\r\n\x1a\nrest"


def manifest(folder: Path, count: int, name: str = "manifest.csv") -> Path:
    """A manifest of copy alone: every seventh ad is rejected, every fifth has no copy."""
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "text"])
        for n in range(1, count + 1):
            text = "" if n % 5 == 0 else "cures all" if n % 7 == 0 else f"fine {n}"
            writer.writerow([f"ad-{n}", "", text])
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    """The decisions of an out file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def output(path: Path, source: Source, **options: bool) -> Output:
    """The out file for a source."""
    return Output(path, source.identity(), {}, **options)


def names(folder: Path, files: Iterable[str]) -> None:
    """Pictures of these names."""
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
