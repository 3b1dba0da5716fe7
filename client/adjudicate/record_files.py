"""Exported decisions as CSV, JSON lines or Parquet, written as they come."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from adjudicate.documents import ExportRow
from adjudicate.record_rows import COLUMNS, csv_line

SUFFIXES = (".csv", ".jsonl", ".parquet")
GROUP = 5_000
"""Rows of a Parquet row group: so many are in memory."""

Add = Callable[[Mapping[str, Any]], None]


async def write(rows: AsyncIterator[ExportRow], path: Path, *, force: bool = False) -> int:
    """Write the rows to a file, by its suffix; how many there were. The file is there whole or not
    at all.

    Raises `ValueError` for another suffix, and where Parquet cannot be written, `FileExistsError`
    unless `force`, and `OSError`.
    """
    _check(path, force)
    part = path.with_name(f"{path.name}.part")
    count = 0
    try:
        with _WRITERS[path.suffix.lower()](part) as add:
            async for row in rows:
                add({name: getattr(row, name) for name in COLUMNS})
                count += 1
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    return count


def _check(path: Path, force: bool) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"FILE must end in {', '.join(SUFFIXES)}, not in {path.name}.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists; name another file, or say --force.")


@contextmanager
def _csv(part: Path) -> Iterator[Add]:
    # With its mark, by which spreadsheets know UTF-8.
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(csv_line(COLUMNS))
        yield lambda row: _put(file, csv_line(row.values()))


@contextmanager
def _json_lines(part: Path) -> Iterator[Add]:
    with part.open("w", encoding="utf-8") as file:
        yield lambda row: _put(file, json.dumps(row, ensure_ascii=False) + "\n")


@contextmanager
def _parquet(part: Path) -> Iterator[Add]:
    from adjudicate.bulk.parquet import needs_pyarrow

    needs_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, held = _schema(), list[dict[str, Any]]()
    with pq.ParquetWriter(part, columns, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(held, columns))
            held.clear()

        def add(row: Mapping[str, Any]) -> None:
            maps = {name: list(row[name].items()) for name in ("context", "versions", "timings")}
            held.append({**row, **maps})
            if len(held) == GROUP:
                flush()

        yield add
        if held:
            flush()


_WRITERS = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}


def _schema() -> Any:
    import pyarrow as pa

    kinds = {
        "reasons": pa.list_(pa.string()),
        "confidence": pa.float64(),
        **dict.fromkeys(("judged", "flagged", "audit", "cached"), pa.bool_()),
        **dict.fromkeys(("context", "versions"), pa.map_(pa.string(), pa.string())),
        "timings": pa.map_(pa.string(), pa.float64()),
    }
    return pa.schema({name: kinds.get(name, pa.string()) for name in COLUMNS})


def _put(file: TextIO, text: str) -> None:
    file.write(text)
