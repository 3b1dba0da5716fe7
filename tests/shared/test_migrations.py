"""A database is brought to a release's revision by one of those that start, while others go on."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.errors import ConfigurationError
from executors import databases
from executors.shared.database import open_database, opened, writing
from executors.shared.migrations import HEAD, CannotMigrate, revision_of, running
from executors.shared.migrations.running import STEPS, due, migrate
from tests.services.postgres import Postgres

NOTES = Table("notes", MetaData(), Column("number", Integer, primary_key=True))
FIRST = """
revision = "0001"
down_revision = None

def upgrade():
    op.create_table("notes", sa.Column("number", sa.Integer, primary_key=True))
"""
SECOND = """
revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("notes", sa.Column("said", sa.Text, nullable=False, server_default=""))
"""
FAILS = SECOND + "    raise ZeroDivisionError\n"


def steps(folder: Path, *scripts: str) -> Path:
    """A folder of steps, in their order."""
    (folder / "versions").mkdir(parents=True)
    for number, script in enumerate(scripts):
        source = f'"""A step."""\nimport sqlalchemy as sa\nfrom alembic import op\n{script}'
        (folder / "versions" / f"r{number}.py").write_text(source, encoding="utf-8")
    return folder


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    """Of an empty database."""
    with opened(empty_database) as engine:
        yield engine
        engine.dispose()


def schema(engine: Engine) -> dict[str, Any]:
    """All that the database knows of its tables."""
    there = inspect(engine)
    return {
        name: {
            "columns": [
                {**column, "type": str(column["type"]), "comment": None}
                for column in there.get_columns(name)
            ],
            "primary key": there.get_pk_constraint(name),
            "foreign keys": sorted(map(str, there.get_foreign_keys(name))),
            "indexes": sorted(map(_plain, there.get_indexes(name))),
            "unique": sorted(map(str, there.get_unique_constraints(name))),
            "checks": sorted(map(str, there.get_check_constraints(name))),
        }
        for name in there.get_table_names()
        if name != "alembic_version"
    }


def _plain(index: Any) -> str:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str(sorted({**index, "dialect_options": options}.items()))


def test_the_revision_that_a_room_looks_for_is_that_of_the_last_step() -> None:
    taken = due(None)
    assert [step.revision for step in taken] == [f"{n + 1:04d}" for n in range(len(taken))]
    assert taken[-1].revision == HEAD


def test_the_steps_make_the_tables_that_the_rooms_know(empty_database: str, tmp_path: Path) -> None:
    databases.prepare(empty_database)
    with opened(empty_database) as migrated:
        with migrated.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, databases.whole()) == []
        found = schema(migrated)
        migrated.dispose()
    assert found == schema_of_models(empty_database, tmp_path)


def schema_of_models(url: str, folder: Path) -> dict[str, Any]:
    """As SQLAlchemy makes the tables by itself, in another schema or file."""
    if url.startswith("sqlite"):
        with opened(f"sqlite:///{folder / 'models.db'}") as engine:
            databases.whole().create_all(engine)
            return schema(engine)
    with opened(url) as engine:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        databases.whole().create_all(engine)
        return schema(engine)


def test_steps_only_expand() -> None:
    for script in (STEPS / "versions").glob("r*.py"):
        source = script.read_text(encoding="utf-8")
        assert not re.search(r"op\.(drop_|alter_|rename_|batch_)|\bDROP\b|\bALTER\b", source), (
            script
        )
        assert "executors" not in source, f"{script} would make another thing tomorrow"


def test_a_database_of_this_revision_is_opened_without_alembic(sqlite_url: str) -> None:
    """A room's start is cheap."""
    databases.prepare(sqlite_url)
    code = (
        "import sys\nfrom executors.ledger.store import DecisionStore\n"
        f"DecisionStore({sqlite_url!r}).close()\n"
        "assert not any(name.startswith('alembic') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_of_several_that_start_together_one_takes_the_steps(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = threading.Barrier(4)
    failed: list[Exception] = []

    def start() -> None:
        line.wait()
        try:
            open_database(empty_database, databases.whole()).dispose()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    with caplog.at_level(logging.INFO, running.__name__):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    told = [one.getMessage() for one in caplog.records if one.name == running.__name__]
    assert told == [f"the database is of revision {HEAD} now, before of none"]


def test_a_step_that_fails_leaves_all_as_it_was(engine: Engine, tmp_path: Path) -> None:
    folder = steps(tmp_path / "steps", FIRST, FAILS)
    with pytest.raises(ZeroDivisionError):
        migrate(engine, NOTES.metadata, folder)
    assert inspect(engine).get_table_names() == []
    with engine.connect() as connection:
        assert revision_of(connection) is None


def test_the_release_before_goes_on_with_what_was_expanded(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, NOTES.metadata, steps(tmp_path / "one", FIRST))
    with writing(engine) as connection:
        connection.execute(NOTES.insert().values(number=1))
    taken = migrate(engine, NOTES.metadata, steps(tmp_path / "two", FIRST, SECOND))
    assert [str(step) for step in taken] == ["0002 A step"]
    with writing(engine) as connection:
        connection.execute(NOTES.insert().values(number=2))
        found = connection.execute(text("SELECT number, said FROM notes ORDER BY number")).all()
    assert found == [(1, ""), (2, "")]
    assert migrate(engine, NOTES.metadata, tmp_path / "two") == []


def test_a_database_of_a_later_release_is_taken_as_it_is(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """After a roll back. Each step expands, so what this release knows is there."""
    databases.prepare(empty_database)
    change(empty_database, "UPDATE alembic_version SET version_num = '9999'")
    with caplog.at_level(logging.WARNING):
        open_database(empty_database, databases.whole()).dispose()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == [
        f"the database is of a later release: revision 9999, here {HEAD}"
    ]
    assert databases.plan(empty_database) == []
    assert databases.prepare(empty_database) == []


def test_a_later_database_without_what_this_release_needs_is_refused(empty_database: str) -> None:
    databases.prepare(empty_database)
    change(empty_database, "UPDATE alembic_version SET version_num = '9999'")
    change(empty_database, "ALTER TABLE decisions RENAME COLUMN trace_id TO trace")
    with pytest.raises(ConfigurationError, match=r"revision 9999; it has no decisions\.trace_id"):
        open_database(empty_database, databases.whole())


def test_tables_of_another_make_are_refused_and_nothing_changes(empty_database: str) -> None:
    change(empty_database, "CREATE TABLE banks (name TEXT)")
    with pytest.raises(ConfigurationError, match=r"of no release .+it has no banks\.enabled"):
        open_database(empty_database, databases.whole())
    with opened(empty_database) as engine:
        assert inspect(engine).get_table_names() == ["banks"]
        engine.dispose()


def test_a_role_that_may_not_change_tables_is_told_who_may(postgres: Postgres) -> None:
    url = make_url(postgres.fresh_database())
    role = f"rooms_{url.database}"
    change(url.render_as_string(), f"CREATE ROLE {role} LOGIN")
    with pytest.raises(ConfigurationError, match="adjudicate database prepare"):
        open_database(url.set(username=role).render_as_string(), databases.whole())


def test_a_long_reader_does_not_make_the_others_wait(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LOCK_TIMEOUT_MS", 200)
    with opened(postgres.fresh_database()) as engine:
        migrate(engine, NOTES.metadata, steps(tmp_path / "one", FIRST))
        folder = steps(tmp_path / "two", FIRST, SECOND)
        reader = engine.connect()
        reader.execute(select(NOTES)).all()  # and its transaction stays open
        migrating = threading.Thread(target=migrate, args=(engine, NOTES.metadata, folder))
        migrating.start()
        # A statement that queued behind the waiting change would not come back before the reader.
        for number in range(20):
            with writing(engine) as connection:
                connection.execute(NOTES.insert().values(number=number))
        assert migrating.is_alive()
        reader.close()
        migrating.join(60)
        assert not migrating.is_alive()
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT said FROM notes LIMIT 1")) == ""
        engine.dispose()


def test_what_the_steps_do_not_make_is_missed(engine: Engine, tmp_path: Path) -> None:
    more = MetaData()
    Table("notes", more, Column("number", Integer, primary_key=True), Column("reader", Text))
    with pytest.raises(CannotMigrate, match=r"it has no notes\.reader"):
        migrate(engine, more, steps(tmp_path / "steps", FIRST))
    assert inspect(engine).get_table_names() == []


def change(url: str, statement: str) -> None:
    with opened(url) as engine:
        try:
            with writing(engine) as connection:
                connection.execute(text(statement))
        except SQLAlchemyError:
            raise AssertionError(statement) from None
        finally:
            engine.dispose()
