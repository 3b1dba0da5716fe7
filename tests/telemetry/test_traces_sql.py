"""SQL: a span for each statement, without its values, and the seconds of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from executors.shared.database import writing
from executors.shared.telemetry.catalogue import SQL_SECONDS
from executors.shared.telemetry.sql import MOST_TEXT
from executors.shared.telemetry.tracing import batch_span
from tests.services.tables import open_with
from tests.telemetry.kept import keeping, traceparent
from tests.telemetry.recorded import Since, recording

METADATA = MetaData()
ADS = Table("ads", METADATA, Column("id", String(64), primary_key=True), Column("copy", String))
CLAIM = "cures cancer overnight"


@pytest.fixture
def engine(any_database: str) -> Iterator[Engine]:
    """With the table `ads`."""
    opened = open_with(any_database, METADATA)
    yield opened
    METADATA.drop_all(opened)
    opened.dispose()


def test_a_transaction_is_told_statement_by_statement_without_its_values(engine: Engine) -> None:
    with keeping() as kept, batch_span("record", [traceparent(1)]) as batch:
        with writing(engine) as connection:
            rows = [{"id": str(n), "copy": CLAIM} for n in range(3)]
            connection.execute(insert(ADS), rows)
            connection.execute(update(ADS).where(ADS.c.copy == CLAIM).values(copy=CLAIM))
        with engine.connect() as connection:
            connection.execute(select(ADS).where(ADS.c.copy == CLAIM)).all()
    names = [span.name for span in kept.spans if span.name not in ("record", "BEGIN")]
    assert names == ["INSERT ads", "UPDATE ads", "COMMIT", "SELECT ads"]
    for span in kept.spans[:-1]:
        assert span.parent == batch.traceparent  # type: ignore[attr-defined]
        assert span.start_ns <= span.end_ns
        assert CLAIM.encode() not in span.form.packed
        assert CLAIM not in str(span.attributes)
    text = kept.one("INSERT ads").form.packed
    assert b"db.query.text" in text
    assert b"INSERT INTO ads" in text
    assert b"db.collection.name" in text
    assert engine.dialect.name.encode() in text
    assert kept.one("INSERT ads").attributes == {"db.operation.batch.size": 3}


def test_without_a_span_there_is_none_for_sql_but_its_seconds_count(engine: Engine) -> None:
    with keeping() as kept, recording():
        since = Since(SQL_SECONDS)
        with writing(engine) as connection:
            connection.execute(insert(ADS), {"id": "1", "copy": ""})
        with engine.connect() as connection:
            connection.execute(select(ADS)).all()
    assert kept.spans == []
    counted = {dict(key)["db.operation.name"]: count for key, count in since.counts().items()}
    assert counted.pop("BEGIN", 1) == 1  # SQLite's, which takes the lock
    assert counted == {"INSERT": 1, "COMMIT": 1, "SELECT": 1}
    assert {dict(key)["db.system.name"] for key in since.counts()} == {engine.dialect.name}


def test_a_statement_that_fails_says_so_without_its_values(engine: Engine) -> None:
    with (
        keeping() as kept,
        batch_span("record", [traceparent(1)]),
        pytest.raises(IntegrityError),
        writing(engine) as connection,
    ):
        connection.execute(insert(ADS), [{"id": CLAIM, "copy": ""}] * 2)
    failed = kept.one("INSERT ads")
    assert failed.failed
    assert CLAIM not in f"{failed.failed}{failed.attributes}"
    assert not kept.named("COMMIT")


def test_a_long_statement_is_cut(engine: Engine) -> None:
    ids = [str(number) for number in range(800)]
    with (
        keeping() as kept,
        batch_span("search", [traceparent(1)]),
        engine.connect() as connection,
    ):
        connection.execute(select(ADS).where(ADS.c.id.in_(ids))).all()
    assert len(kept.one("SELECT ads").form.packed) < MOST_TEXT + 300
