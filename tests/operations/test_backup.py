"""A copy of the database while it is written, and putting it back."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from adjudicate.cli.app import app
from adjudicate.documents import Decision
from executors import databases
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.ledger.store import DecisionStore, Record
from executors.library.store import ExemplarStore
from executors.shared.database import open_database
from executors.shared.migrations import HEAD
from tests.library.handmade import picture
from tests.services.postgres import Postgres

ROWS = 40


def record(store: DecisionStore, number: int) -> str:
    """A decision, answered."""
    name = f"{number:032x}"
    store.record([Record(Decision(id=name, ad_id=f"ad-{number}", outcome="approve"), "c" * 64)])
    return name


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["database", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def url(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of this release, that of the settings."""
    monkeypatch.setenv("ADJUDICATE_DATABASE", sqlite_url)
    databases.prepare(sqlite_url)
    return sqlite_url


def test_a_copy_holds_every_decision_that_was_answered_before_it(url: str, tmp_path: Path) -> None:
    store = DecisionStore(url)
    answered: list[str] = []
    first, stop = threading.Event(), threading.Event()

    def decide() -> None:
        for number in range(1_000_000):
            answered.append(record(store, number))
            if len(answered) > ROWS:
                first.set()
            if stop.is_set():
                return

    writer = threading.Thread(target=decide)
    writer.start()
    try:
        assert first.wait(120)
        before = list(answered)
        made = databases.back_up(url, tmp_path / "copy.db")
        more = len(answered)
    finally:
        stop.set()
        writer.join()
    store.close()
    assert len(before) <= made.rows["decisions"] <= more + 1
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        held = [row[0] for row in copy.execute("SELECT id FROM decisions ORDER BY number")]
    assert held == answered[: len(held)]
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.db"]


def test_what_was_there_comes_back_with_the_rooms_still_open(url: str, tmp_path: Path) -> None:
    ledger, library = DecisionStore(url), ExemplarStore(url)
    (kept,) = [record(ledger, 1)]
    library.add([picture(b"kept")])
    assert invoke("backup", str(tmp_path / "copy.db"))[0] == 0
    lost = record(ledger, 2)  # stands in the log beside the file, which must not be applied again
    library.add([picture(b"lost")])
    code, _, said = invoke("restore", str(tmp_path / "copy.db"))
    assert (code, said) == (
        1,
        f"adjudicate: {make_url(url).database} holds 2 exemplars, 2 decisions: back it up, "
        "then say --force to replace it.\n",
    )
    assert ledger.get(lost) is not None
    code, out, _ = invoke("restore", str(tmp_path / "copy.db"), "--force", "--json")
    assert code == 0
    assert json.loads(out)["decisions"] == 1
    for store in (ledger, DecisionStore(url)):
        assert store.get(kept) is not None
        assert store.get(lost) is None
        assert record(store, 3 if store is ledger else 4)
    assert (library.count(), library.version()) == (1, 1)


def test_a_copy_comes_back_where_there_was_nothing(url: str, tmp_path: Path) -> None:
    store = DecisionStore(url)
    name = record(store, 1)
    invoke("backup", str(tmp_path / "copy.db"))
    elsewhere = f"sqlite:///{tmp_path}/new/adjudicate.db"
    code, out, _ = invoke("restore", str(tmp_path / "copy.db"), "--database", elsewhere)
    assert code == 0
    assert out.startswith("0 exemplars, 1 decisions, 0 api keys restored in ")
    assert DecisionStore(elsewhere).get(name) is not None
    # The rooms' own journal mode is set again when they open it.
    with open_database(elsewhere, databases.ALL[0]).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_room_with_a_database_of_its_own_has_its_copy_too(tmp_path: Path) -> None:
    url, again = f"sqlite:///{tmp_path}/keys.db", f"sqlite:///{tmp_path}/again.db"
    store = KeyStore(url)
    store.create("ci", [Scope.REVIEW])
    made = databases.back_up(url, tmp_path / "copy.db")
    # Every database has the tables of all rooms.
    assert made.rows == {"exemplars": 0, "decisions": 0, "api_keys": 1}
    assert made.revision == HEAD
    databases.restore(again, tmp_path / "copy.db")
    assert [key.name for key in KeyStore(again).every()] == ["ci"]


def test_refusals_are_a_sentence_and_leave_all_as_it_was(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert invoke("backup", str(copy))[0] == 0
    was = copy.read_bytes()
    assert invoke("backup", str(copy))[::2] == (
        2,
        f"adjudicate: {copy} exists; name another file, or say --force.\n",
    )
    assert copy.read_bytes() == was
    code, _, said = invoke("backup", str(tmp_path / "no" / "folder.db"))
    assert (code, said) == (2, f"adjudicate: {tmp_path}/no: No such file or directory.\n")
    torn = was[:4_096] + b"\xff" * 8_192 + was[12_288:]  # two pages
    for broken in (b"", b"not a database" * 100, torn):
        copy.write_bytes(broken)
        code, _, said = invoke("restore", str(copy), "--force")
        assert (code, said.count("\n")) == (1, 1), said
    code, _, said = invoke("restore", str(tmp_path / "none.db"))
    assert (code, "There is no file" in said) == (1, True)
    assert databases.plan(url) == []
    server = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    code, _, said = invoke("backup", str(copy), "--force", "--database", server)
    assert (code, "pg_dump" in said) == (2, True)


def test_prepare_says_what_it_does_and_then_nothing(empty_database: str) -> None:
    given = ("--database", empty_database)
    planned = invoke("prepare", "--dry-run", *given)[1].splitlines()
    assert planned[0] == "0001 The tables of release 0.1.0"
    assert planned[-1].startswith(f"{HEAD} ")
    assert invoke("prepare", "--dry-run", *given)[1].splitlines() == planned
    assert invoke("prepare", *given)[1].splitlines() == planned
    assert invoke("prepare", *given)[1] == (
        "The tables are those of this release, or of a later one.\n"
    )
    assert json.loads(invoke("prepare", "--json", *given)[1]) == {"steps": [], "dry_run": False}


def test_a_dry_run_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    assert invoke("prepare", "--dry-run", "--database", f"sqlite:///{path}")[0] == 0
    assert not path.parent.exists()


def test_rooms_need_no_right_to_make_tables_that_are_prepared(postgres: Postgres) -> None:
    url = make_url(postgres.fresh_database())
    databases.prepare(url.render_as_string())
    role = f"rooms_{url.database}"
    psql(url.render_as_string(), f"CREATE ROLE {role} LOGIN")
    psql(
        url.render_as_string(),
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    )
    limited = url.set(username=role).render_as_string()
    store, library = DecisionStore(limited), ExemplarStore(limited)
    assert store.get(record(store, 1)) is not None
    library.add([picture(b"one")])
    assert library.count() == 1
    store.close()
    library.close()


def psql(url: str, statement: str) -> None:
    """As an owner of the database does."""
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_dump_of_the_server_gives_the_same_database(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh_database()
    store, library = DecisionStore(url), ExemplarStore(url)
    name = record(store, 1)
    library.add([picture(b"one")])
    dump, fresh = tmp_path / "copy.dump", postgres.fresh_database()
    run(postgres, "pg_dump", "--format=custom", "--file", str(dump), uri(url))
    run(postgres, "pg_restore", "--no-owner", "--exit-on-error", "-d", uri(fresh), str(dump))
    again, exemplars = DecisionStore(fresh), ExemplarStore(fresh)
    assert again.get(name) is not None
    assert (exemplars.count(), exemplars.version()) == (1, library.version())
    assert record(again, 2)  # numbers go on where they were
    assert again.count() == 2
    for one in (store, library, again, exemplars):
        one.close()


def uri(url: str) -> str:
    """As PostgreSQL's own tools read it."""
    return make_url(url).set(drivername="postgresql").render_as_string()


def run(postgres: Postgres, program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(postgres.binaries / program), *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_command_runs_without_the_models(url: str, tmp_path: Path) -> None:
    """A job that backs up at night loads no torch."""
    code = (
        "import sys; from adjudicate.cli import main; sys.argv[1:] = ['database', 'backup', "
        f"{str(tmp_path / 'copy.db')!r}]\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "copied to" in done.stdout
