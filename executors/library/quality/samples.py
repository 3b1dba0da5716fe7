"""The sampled ads and the references in SQL: every replica sees all, and a restart loses none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from executors.library.thresholds import SIGNALS, Signal
from executors.shared.database import open_database, writing

METADATA = MetaData()

MOST_READ = 5_000
"""Samples of one window that are read; of more, every n-th: a finer PSI would say nothing more."""

_COSINES: dict[Signal, str] = {"image": "image", "text": "text", "image-text": "image_text"}

SAMPLES = Table(
    "quality_samples",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("encoder_version", String(200), nullable=False),
    Column("library_version", Integer, nullable=False),
    # The highest cosine with a violation; null where the ad or the library has nothing to compare.
    *(Column(name, Float) for name in _COSINES.values()),
    # `[K] float16`, see projection.py.
    Column("image_sketch", LargeBinary),
    Column("text_sketch", LargeBinary),
    # JSON, the highest cosine with a violation by signal and category; null where nobody asked.
    Column("categories", Text),
    Index("quality_samples_window", "encoder_version", "at"),
)

REFERENCES = Table(
    "quality_references",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("encoder_version", String(200), nullable=False, index=True),
    Column("library_version", Integer, nullable=False),
    Column("since", String(40), nullable=False),
    Column("until", String(40), nullable=False),
    Column("ads", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", String(40), nullable=False),
)

Sketch = NDArray[np.float16]
"""`[K]`."""


@dataclass(frozen=True)
class Sample:
    """What is kept of one ad: no picture and no copy, only how alike it is to what."""

    at: str
    """UTC, ISO 8601."""
    encoder_version: str
    library_version: int
    cosines: dict[Signal, float]
    """The highest with a violation, of the signals that the ad and the library have."""
    image_sketch: Sketch | None
    text_sketch: Sketch | None
    categories: dict[Signal, dict[str, float]] | None = None
    """As `cosines`, of each category alone; None where that is not known."""


class SampleStore:
    """Samples and references. Blocking: call it from a thread."""

    def __init__(self, url: str, most: int) -> None:
        """`most` samples are kept. Raises `ConfigurationError` for a database that cannot be
        opened."""
        self._engine = open_database(url, METADATA)
        self._most = most

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def add(self, samples: Sequence[Sample]) -> None:
        """Keep the samples, and of all only the newest."""
        if not samples:
            return
        with writing(self._engine) as connection:
            connection.execute(insert(SAMPLES), [_row(sample) for sample in samples])
            newest = connection.scalar(select(func.max(SAMPLES.c.number))) or 0
            connection.execute(delete(SAMPLES).where(SAMPLES.c.number <= newest - self._most))

    def newest(self) -> tuple[str, int]:
        """The encoder and library version of the newest sample; empty and 0 without one."""
        query = select(SAMPLES.c.encoder_version, SAMPLES.c.library_version)
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(SAMPLES.c.number.desc()).limit(1)).first()
        return (row.encoder_version, row.library_version) if row else ("", 0)

    def window(self, encoder_version: str, since: str, until: str) -> tuple[int, list[Sample]]:
        """How many samples of this encoder are later than `since`, up to `until`; and these, or
        `MOST_READ` of them that lie evenly between, the oldest first."""
        inside = (
            (SAMPLES.c.encoder_version == encoder_version)
            & (SAMPLES.c.at > since)
            & (SAMPLES.c.at <= until)
        )
        with self._engine.connect() as connection:
            count = connection.scalar(select(func.count()).where(inside)) or 0
            query = select(SAMPLES).where(inside).order_by(SAMPLES.c.number)
            if (step := -(-count // MOST_READ)) > 1:
                query = query.where(SAMPLES.c.number % step == 0)
            return count, [_sample(row) for row in connection.execute(query)]

    def add_reference(self, values: dict[str, Any]) -> None:
        """Keep a reference; it counts for its encoder until there is another."""
        with writing(self._engine) as connection:
            connection.execute(insert(REFERENCES).values(**values))

    def reference(self, encoder_version: str) -> Row[Any] | None:
        """The newest reference of this encoder."""
        return self._newest_of(
            select(REFERENCES).where(REFERENCES.c.encoder_version == encoder_version)
        )

    def newest_reference(self) -> Row[Any] | None:
        """The newest reference, of whatever encoder."""
        return self._newest_of(select(REFERENCES))

    def _newest_of(self, query: Select[Any]) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(query.order_by(REFERENCES.c.number.desc()).limit(1)).first()


def _row(sample: Sample) -> dict[str, Any]:
    return {
        "at": sample.at,
        "encoder_version": sample.encoder_version,
        "library_version": sample.library_version,
        **{name: sample.cosines.get(signal) for signal, name in _COSINES.items()},
        "image_sketch": _bytes(sample.image_sketch),
        "text_sketch": _bytes(sample.text_sketch),
        "categories": None if sample.categories is None else json.dumps(sample.categories),
    }


def _sample(row: Row[Any]) -> Sample:
    cosines = {signal: getattr(row, _COSINES[signal]) for signal in SIGNALS}
    return Sample(
        row.at,
        row.encoder_version,
        row.library_version,
        {signal: cosine for signal, cosine in cosines.items() if cosine is not None},
        _sketch(row.image_sketch),
        _sketch(row.text_sketch),
        None if row.categories is None else json.loads(row.categories),
    )


def _bytes(sketch: Sketch | None) -> bytes | None:
    return None if sketch is None else sketch.astype("<f2").tobytes()


def _sketch(data: bytes | None) -> Sketch | None:
    return None if data is None else np.frombuffer(data, "<f2")
