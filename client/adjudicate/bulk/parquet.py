"""Parquet, in and out, with bounded memory. Needs the `bulk` extra."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from adjudicate.bulk.done import Done
from adjudicate.bulk.rows import Row
from adjudicate.bulk.sources import ad_of, picture, short
from adjudicate.bulk.storage import Place
from adjudicate.documents import Ad
from adjudicate.sources import AD_COLUMNS

_READ = 32
"""Rows in memory at a time: each may hold a picture."""
GROUP = 5_000
"""Decisions in a row group."""


def needs_pyarrow() -> None:
    """Raises `ValueError` where Parquet cannot be read or written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ValueError("Parquet needs pyarrow: pip install 'adjudicate[bulk]'.") from None


@dataclass(frozen=True)
class ParquetRows:
    """The columns of a manifest; pictures as bytes in `image`, or by path in `file`."""

    held: Place
    fields: Mapping[str, str]

    @property
    def distant(self) -> bool:
        return not self.held.local

    def identity(self) -> dict[str, str | int]:
        return self.held.identity()

    def count(self) -> int | None:
        with self._opened() as file:
            return int(file.metadata.num_rows)

    def rows(self, done: Done) -> Iterator[Row]:
        with self._opened() as file:
            names = set(file.schema_arrow.names)
            if not names & {"image", "file", "text"}:
                raise ValueError(f"{self.held.url} has none of the columns image, file and text.")
            wanted = [n for n in ("id", "image", "file", *AD_COLUMNS) if n in names]
            first = 1
            for group in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                # A group whose rows all have their decisions is not even read.
                if not all(done.stands(first + place) for place in range(size)):
                    yield from self._group(file, group, wanted, first, done)
                first += size

    def _group(
        self, file: Any, group: int, wanted: list[str], first: int, done: Done
    ) -> Iterator[Row]:
        number = first
        for batch in file.iter_batches(_READ, row_groups=[group], columns=wanted):
            for place in range(batch.num_rows):
                if not done.stands(number):
                    row = {name: batch.column(name)[place].as_py() for name in wanted}
                    given = (row.pop("id", None), row.get("file"), f"row {number}")
                    name = short(next(str(one) for one in given if one not in (None, "")))
                    yield Row(number, name, partial(self._ad, row, name))
                number += 1

    def _ad(self, row: dict[str, Any], name: str) -> Ad:
        image, file = row.pop("image", None), row.pop("file", None)
        if isinstance(image, dict):  # how the datasets library keeps pictures
            image = image.get("bytes")
        said = {key: str(value) for key, value in row.items() if value not in (None, "")}
        fields = {**self.fields, **said}
        if image is None and file:
            return picture(self.held, self.held.beside(str(file)), name, fields)
        return ad_of({**fields, "id": name, **({} if image is None else {"image": image})})

    def _opened(self) -> Any:
        needs_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Buffered: else the pages of a whole row group are in memory at once.
        try:
            return pq.ParquetFile(
                self.held.path,
                filesystem=None if self.held.local else self.held.fs,
                buffer_size=1024 * 1024,
                pre_buffer=False,
            )
        except pa.ArrowInvalid as error:
            raise ValueError(f"{self.held.url} is not Parquet: {error}") from None


def schema() -> Any:
    """The columns of the decisions: `row`, and the fields of `Decision`."""
    import pyarrow as pa

    text, number, flag = pa.string(), pa.float64(), pa.bool_()
    match = dict.fromkeys(("exemplar_id", "category", "rule", "polarity", "signal"), text)
    ruling = ("id", "outcome", "rule", "source", "by", "by_name", "note", "at")
    finding = dict.fromkeys(("rule", "claim", "rationale", "verdict"), text)
    return pa.schema(
        {
            "row": pa.int64(),
            **dict.fromkeys(("ad_id", "id", "outcome", "rule"), text),
            "reasons": pa.list_(text),
            "confidence": number,
            **dict.fromkeys(("judged", "flagged", "shadow_flagged", "audit", "cached"), flag),
            "problem": pa.struct({"id": text, "code": text, "detail": text}),
            "matches": pa.list_(
                pa.struct(
                    {"id": text, **match, "similarity": number, "threshold": number}
                    | dict.fromkeys(("matched", "severity"), text)
                )
            ),
            "findings": pa.list_(pa.struct({"id": text, **finding, "probability": number})),
            "ruling": pa.struct(dict.fromkeys(ruling, text)),
            "versions": pa.map_(text, text),
            "timings": pa.map_(text, number),
            **dict.fromkeys(("trace_id", "decided_at"), text),
        }
    )


def write(records: Iterable[dict[str, Any]], path: Path) -> None:
    """Write decisions as Parquet, a row group at a time; `path` is there whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = path.with_name(f"{path.name}.part")
    columns = schema()
    following = iter(records)
    try:
        with pq.ParquetWriter(part, columns, compression="zstd") as writer:
            while group := list(islice(following, GROUP)):
                writer.write_table(pa.Table.from_pylist([_plain(r) for r in group], columns))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The decisions that `write` wrote. Raises `ValueError` for another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not Parquet: {error}") from None
    with file:
        if not {"row", "ad_id", "outcome"} <= set(file.schema_arrow.names):
            raise ValueError(f"{path} does not hold decisions.")
        for batch in file.iter_batches(1_000):
            for record in batch.to_pylist():
                for name in ("versions", "timings"):
                    record[name] = dict(record[name] or ())
                yield record


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    # Arrow takes a map as pairs.
    pairs = {name: list(record.get(name, {}).items()) for name in ("versions", "timings")}
    return {**record, **pairs}


def as_line(record: dict[str, Any]) -> str:
    """A record as the journal has it."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
