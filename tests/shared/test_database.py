"""The database behind the rooms: how it is opened, and what is said when it cannot be."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from adjudicate.errors import ConfigurationError
from executors.shared.database import writing
from tests.services.tables import open_with

METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("number", Integer, primary_key=True))


def test_a_sqlite_file_is_made_with_its_folder_and_kept_safe(tmp_path: Path) -> None:
    engine = open_with(f"sqlite:///{tmp_path}/new/folder/a.db", METADATA)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    engine = open_with(f"sqlite:///{tmp_path}/a.db", METADATA)
    with writing(engine) as connection:
        connection.execute(insert(NUMBERS).values(number=1))

    def half_done() -> None:
        with writing(engine) as connection:
            connection.execute(insert(NUMBERS).values(number=2))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    with engine.connect() as connection:
        assert connection.scalars(select(NUMBERS.c.number)).all() == [1]


def test_tables_that_stand_already_are_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with writing(open_with(url, METADATA)) as connection:
        connection.execute(insert(NUMBERS).values(number=1))
    with open_with(url, METADATA).connect() as connection:
        assert connection.scalars(select(NUMBERS.c.number)).all() == [1]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "must be a URL"),
        ("mysql://user:hidden@host:port/x", "must be a URL"),
        ("sqlite://", "kept on disk"),
        ("sqlite:///:memory:", "kept on disk"),
        ("sqlite:////proc/none/a.db", "cannot be opened"),
        ("unheard://user:hidden@host/x", "cannot be opened"),
        ("postgresql+asyncpg9://user:hidden@host/x", "cannot be opened"),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_with(url, METADATA)
    assert str(refused.value).startswith("ADJUDICATE_DATABASE: ")
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigurationError, match=r"cannot be opened: file is not a database"):
        open_with(f"sqlite:///{tmp_path}/a.db", METADATA)


def test_what_writes_holds_the_lock_before_it_reads(tmp_path: Path) -> None:
    engine = open_with(f"sqlite:///{tmp_path}/a.db", METADATA)
    other = sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None)
    with engine.connect() as reading:
        reading.execute(select(NUMBERS.c.number)).all()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
