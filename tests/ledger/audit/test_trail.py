"""Entries are added at the end, each with the hash of the one before, and never changed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from adjudicate.audit.chain import GENESIS
from executors.ledger.audit import trail
from executors.ledger.audit.trail import ENTRIES, HEAD, Deed, TrailLost, append, read_head
from executors.ledger.store import METADATA
from executors.shared.database import open_database, writing
from tests.ledger.audit.trails import write


@pytest.fixture
def engine(any_database: str) -> Iterator[Engine]:
    opened = open_database(any_database, METADATA)
    yield opened
    opened.dispose()


def rows(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as connection:
        found = connection.execute(select(ENTRIES).order_by(ENTRIES.c.number))
        return [dict(row._mapping) for row in found]


def test_each_entry_holds_the_hash_of_the_one_before(engine: Engine) -> None:
    write(engine, 7)
    held = rows(engine)
    assert [row["number"] for row in held] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["previous"] for row in held] == [GENESIS, *(row["hash"] for row in held[:-1])]
    with engine.connect() as connection:
        head = read_head(connection)
    assert (head.number, head.hash) == (7, held[-1]["hash"])


def test_the_hash_is_what_docs_audit_says(engine: Engine) -> None:
    """Made here without the service's code, as an auditor makes it."""
    write(engine, 1)
    (row,) = rows(engine)
    said = {name: value for name, value in row.items() if name != "hash"}
    said["facts"] = json.loads(str(row["facts"]))
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert row["hash"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert hashlib.sha256(b"adjudicate audit trail 1").hexdigest() == row["previous"]


def test_a_deed_that_is_rolled_back_leaves_nothing(engine: Engine) -> None:
    write(engine, 2)
    with engine.execution_options(writes=True).connect() as connection:
        append(connection, [Deed("reviewed", "decision", "open")])
        connection.rollback()
    write(engine, 1)
    assert [row["number"] for row in rows(engine)] == [1, 2, 3]


def test_a_clock_that_goes_back_does_not_turn_the_order_round(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, 1)
    with writing(engine) as connection:
        connection.execute(HEAD.update().values(at="2999-01-01T00:00:00.000+00:00"))
    write(engine, 1)
    assert rows(engine)[1]["at"] == "2999-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET subject = 'another' WHERE number = 1",
        "DELETE FROM audit_entries WHERE number = 1",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET number = 1",
    ],
)
def test_the_database_refuses_to_change_an_entry(engine: Engine, statement: str) -> None:
    write(engine, 2)
    before = rows(engine)
    with pytest.raises(DBAPIError, match="append-only"), writing(engine) as connection:
        connection.execute(text(statement))
    assert rows(engine) == before


def test_postgresql_refuses_to_empty_the_trail_too(postgres_url: str) -> None:
    engine = open_database(postgres_url, METADATA)
    write(engine, 1)
    for table in ("audit_entries", "audit_head"):
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as connection:
            connection.execute(text(f"TRUNCATE {table}"))
    assert len(rows(engine)) == 1
    engine.dispose()


def test_without_its_end_nothing_is_appended(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, 1)
    monkeypatch.setattr(trail, "_ONLY", 2)  # as if its row were gone
    with pytest.raises(TrailLost, match="end of the audit trail is lost"):
        write(engine, 1)


def test_what_json_cannot_hold_is_refused(engine: Engine) -> None:
    for value in (float("nan"), 2**53):
        with pytest.raises(ValueError, match=r"."), writing(engine) as connection:
            append(connection, [Deed("reviewed", "decision", "open", {"value": value})])
    assert rows(engine) == []


def test_ids_that_no_index_or_text_could_hold_are_cut(engine: Engine) -> None:
    with writing(engine) as connection:
        append(connection, [Deed("reviewed", "x" * 9_000, "jwt:a\0b", {"rule": "a\0\ud800b"})])
    (row,) = rows(engine)
    assert (len(str(row["subject"])), row["by"]) == (500, "jwt:a\ufffdb")
    assert json.loads(str(row["facts"])) == {"rule": "a\ufffd?b"}


def test_ledgers_side_by_side_write_one_chain(any_database: str) -> None:
    open_database(any_database, METADATA).dispose()
    line = threading.Barrier(3)
    failed: list[Exception] = []

    def ledger(name: str) -> None:
        engine = open_database(any_database, METADATA)
        line.wait()
        try:
            write(engine, 60, by=name)
        except Exception as error:
            failed.append(error)
        engine.dispose()

    threads = [threading.Thread(target=ledger, args=(f"key:{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    engine = open_database(any_database, METADATA)
    held = rows(engine)
    engine.dispose()
    assert [row["number"] for row in held] == list(range(1, 181))
    assert [row["previous"] for row in held] == [GENESIS, *(row["hash"] for row in held[:-1])]
    if any_database.startswith("postgresql"):  # SQLite's lock may go to the same one each time
        assert sum(a["by"] != b["by"] for a, b in pairwise(held)) > 2


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO audit_entries "
        "SELECT 1, at, what, 'another', \"by\", facts, previous, hash FROM audit_entries",
        "INSERT OR REPLACE INTO audit_head VALUES (1, 0, 'x', '')",
        "INSERT INTO audit_head VALUES (2, 0, 'x', '')",
    ],
)
def test_sqlite_refuses_to_replace_an_entry_too(sqlite_url: str, statement: str) -> None:
    engine = open_database(sqlite_url, METADATA)
    write(engine, 1)
    before = rows(engine)
    with pytest.raises(DBAPIError, match="append-only"), writing(engine) as connection:
        connection.execute(text(statement))
    assert rows(engine) == before
    engine.dispose()
