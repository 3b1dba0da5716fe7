"""Exports as files: CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adjudicate import record_files
from adjudicate.documents import ExportRow
from adjudicate.record_files import COLUMNS, write

ROWS = [
    ExportRow(
        id="d1",
        ad_id="ad-1",
        outcome="reject",
        reasons=["judge:violation"],
        confidence=0.75,
        judged=True,
        text="=cmd|' /C calc'!A0",
        context={"campaign": "春"},
        timings={"judge": 12.5},
    ),
    ExportRow(id="d2", ad_id="ad-2", outcome="approve", text='say "hi",\nfriend', audit=True),
]


async def rows(count: int = 2) -> AsyncIterator[ExportRow]:
    for row in ROWS[:count]:
        yield row


async def test_csv_has_every_column_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert await write(rows(), path) == 2
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert first["text"] == "'=cmd|' /C calc'!A0"
    assert second["text"] == 'say "hi",\nfriend'
    assert (first["judged"], first["confidence"]) == ("true", "0.75")
    assert json.loads(first["context"]) == {"campaign": "春"}


async def test_json_lines_are_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    await write(rows(), path)
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first["text"] == ROWS[0].text
    assert second["audit"] is True


async def test_parquet_has_types_and_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "GROUP", 1)
    path = tmp_path / "out.parquet"
    await write(rows(), path)
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 2
    first, second = file.read().to_pylist()
    assert (first["confidence"], first["reasons"]) == (0.75, ["judge:violation"])
    assert dict(first["context"]) == {"campaign": "春"}
    assert second["text"] == ROWS[1].text


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
async def test_an_export_of_nothing_is_a_file_too(tmp_path: Path, name: str) -> None:
    assert await write(rows(0), tmp_path / name) == 0
    assert (tmp_path / name).exists()


async def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[ExportRow]:
        yield ROWS[0]
        raise ConnectionError("the service is gone")

    with pytest.raises(ConnectionError):
        await write(breaks(), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "out.csv.part").exists()


async def test_another_suffix_or_a_file_that_is_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.csv, \.jsonl, \.parquet"):
        await write(rows(), tmp_path / "out.xlsx")
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="--force"):
        await write(rows(), path)
    assert path.read_text() == "mine"
    await write(rows(), path, force=True)
    assert path.read_text() != "mine"
