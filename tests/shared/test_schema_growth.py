"""Tables of an earlier release get what this one adds, while that one goes on with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    select,
    text,
)

from adjudicate.errors import ConfigurationError
from executors.shared import schema_growth
from executors.shared.database import open_database, writing


def made(*added: Column[Any]) -> tuple[MetaData, Table]:
    """A release whose table has these columns more than the first one's."""
    metadata = MetaData()
    table = Table(
        "notes",
        metadata,
        Column("number", Integer, primary_key=True),
        Column("said", Text, nullable=False),
        *added,
    )
    return metadata, table


def next_release() -> tuple[MetaData, Table]:
    return made(
        Column("reader", Text),
        Column("times", Integer, nullable=False, server_default="0"),
    )


def test_both_releases_write_and_read_one_table(any_database: str) -> None:
    metadata, old = made()
    before = open_database(any_database, metadata)
    with writing(before) as connection:
        connection.execute(insert(old).values(number=1, said="before"))
    metadata, new = next_release()
    after = open_database(any_database, metadata)
    with writing(after) as connection:
        connection.execute(insert(new).values(number=2, said="after", reader="mei", times=3))
    with writing(before) as connection:
        connection.execute(insert(old).values(number=3, said="still there"))
    with after.connect() as connection:
        assert connection.execute(select(new).order_by(new.c.number)).all() == [
            (1, "before", None, 0),
            (2, "after", "mei", 3),
            (3, "still there", None, 0),
        ]
    with before.connect() as connection:
        assert len(connection.execute(select(old)).all()) == 3
    # The roll back: the release before opens the grown table as it was used to.
    rolled_back = open_database(any_database, made()[0])
    for engine in (before, after, rolled_back):
        engine.dispose()


@pytest.mark.parametrize(
    "column",
    [
        partial(Column, "reader", Text, nullable=False),
        partial(Column, "reader", Text, unique=True),
        partial(Column, "reader", Text, index=True),
        lambda: Column("reader", ForeignKey("notes.number")),
    ],
    ids=["without a default", "unique", "indexed", "a foreign key"],
)
def test_what_rows_cannot_do_without_is_refused_and_nothing_changes(
    any_database: str, column: Callable[[], Column[Any]]
) -> None:
    open_database(any_database, made()[0]).dispose()
    with pytest.raises(ConfigurationError, match=r"earlier release .its table notes has no column"):
        open_database(any_database, made(Column("times", Integer), column())[0])
    engine = create_engine(any_database)
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM notes")).keys()) == 2
    engine.dispose()


def test_of_several_that_start_together_one_adds_the_columns(any_database: str) -> None:
    open_database(any_database, made()[0]).dispose()
    line = threading.Barrier(4)
    failed: list[Exception] = []

    def start() -> None:
        line.wait()
        try:
            open_database(any_database, next_release()[0]).dispose()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_long_reader_does_not_make_the_others_wait(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_growth, "LOCK_TIMEOUT_MS", 200)
    metadata, old = made()
    before = open_database(postgres_url, metadata)
    reader = before.connect()
    reader.execute(select(old)).all()  # and its transaction stays open
    growing = threading.Thread(target=lambda: open_database(postgres_url, next_release()[0]))
    growing.start()
    # A statement that queued behind the waiting change would not come back before the reader ends.
    for number in range(20):
        with writing(before) as connection:
            connection.execute(insert(old).values(number=number, said="meanwhile"))
    assert growing.is_alive()
    reader.close()
    growing.join(60)
    assert not growing.is_alive()
    with before.connect() as connection:
        assert "times" in connection.execute(text("SELECT * FROM notes LIMIT 1")).mappings().one()
    before.dispose()
