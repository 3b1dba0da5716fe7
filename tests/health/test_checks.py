"""Readiness is found in one thread, however many ask, and says what is wrong."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

from executors.shared.database import writing
from executors.shared.health import checks
from executors.shared.health.checks import Checks, Found, NotReady, writable
from tests.services.tables import open_with

METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("number", Integer, primary_key=True))


def test_each_check_says_what_it_found() -> None:
    def stale() -> str:
        raise NotReady("3 exemplars are not embedded")

    def broken() -> str:
        raise ValueError("a secret")

    found = Checks(lambda: {"model": lambda: "clip 1", "index": stale, "odd": broken}).found()
    assert found == [
        Found("model", True, "clip 1"),
        Found("index", False, "3 exemplars are not embedded"),
        Found("odd", False, "ValueError"),
    ]


def test_many_askers_cost_one_check() -> None:
    asked = []
    several = Checks(lambda: {"model": lambda: str(asked.append(1))})
    for _ in range(5):
        several.found()
    assert len(asked) == 1


def test_a_check_that_hangs_is_said_takes_one_thread_and_is_found_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "PATIENCE_S", 0.02)
    free, asked = threading.Event(), []

    def hanging() -> str:
        asked.append(1)
        free.wait(30)
        return "there"

    hung = Checks(lambda: {"sql": hanging})
    for _ in range(3):
        (found,) = hung.found()
        assert not found.ok
    assert len(asked) == 1
    monkeypatch.setattr(checks, "PATIENCE_S", 30)
    free.set()
    assert hung.found() == [Found("sql", True, "there")]
    hung.close()


def test_a_database_that_can_be_written_to_is_and_stays_as_it_was(any_database: str) -> None:
    engine = open_with(any_database, METADATA)
    with writing(engine) as connection:
        connection.execute(NUMBERS.insert(), [{"number": 1}])
    assert writable(engine, NUMBERS)() == engine.dialect.name
    with engine.connect() as connection:
        assert connection.execute(NUMBERS.select()).scalars().all() == [1]
    engine.dispose()


def test_a_database_that_is_read_only_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table numbers (number integer primary key)")
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(NotReady, match="readonly database"):
        writable(engine, NUMBERS)()
    engine.dispose()


def test_a_database_that_is_gone_is_not_ready_and_no_password_is_shown() -> None:
    engine = create_engine(
        "postgresql://someone:secret@127.0.0.1:9/ads", connect_args={"connect_timeout": 2}
    )
    with pytest.raises(NotReady) as told:
        writable(engine, NUMBERS)()
    assert "OperationalError" in str(told.value)
    assert "secret" not in str(told.value)
