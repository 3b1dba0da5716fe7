"""A release and the one before it work on one database and in one Flow: so an upgrade can roll,
and can be rolled back."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from docarray.proto import DocProto
from sqlalchemy import Connection, MetaData, Table, delete, insert

from adjudicate.documents import Ad, Case, Decision, Exemplar
from adjudicate.wire import Document
from executors import databases
from executors.gateway.access.store import KeyStore
from executors.ledger.store import DecisionStore
from executors.library.store import ExemplarStore
from executors.shared.database import opened
from tests.operations.release import FOLDER, NEXT, describe, documents, make_tables, plain

RELEASES = sorted(FOLDER.glob("*.json"))
KINDS: dict[str, type[Document]] = {
    "ad": Ad, "case": Case, "decision": Decision, "exemplar": Exemplar,
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def promises_broken(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What of `new` a process of `old` could not work beside."""
    broken = []
    for table, was in old["tables"].items():
        now = new["tables"].get(table)
        if now is None:
            broken.append(f"table {table} is gone")
            continue
        for column, shape in was["columns"].items():
            if column not in now["columns"]:
                broken.append(f"column {table}.{column} is gone")
            elif now["columns"][column] != shape:
                broken.append(f"column {table}.{column} has changed")
        for column in set(now["columns"]) - set(was["columns"]):
            if not now["columns"][column]["optional"]:
                broken.append(f"column {table}.{column} has no default for rows of the old release")
        if set(now["indexes"]) != set(was["indexes"]):
            broken.append(f"indexes of {table} differ: to build one keeps its writers waiting")
    for name, document in old["documents"].items():
        sent, known = message(new["documents"][name]), message(document)
        for field, node in known.data.items():
            if field not in sent.data:
                broken.append(f"field {name}.{field} is gone")
            elif (kind := sent.data[field].WhichOneof("content")) != node.WhichOneof("content"):
                broken.append(f"field {name}.{field} is {kind} now")
    return broken


def message(document: dict[str, Any]) -> DocProto:
    found = DocProto()
    found.ParseFromString(base64.b64decode(document["bytes"]))
    return found


def test_the_file_of_this_tree_is_what_it_does() -> None:
    assert read(NEXT) == json.loads(json.dumps(describe())), (
        "run `python -m tests.operations.release`, and look at what has changed"
    )


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_this_release_works_beside_each_that_was_released(release: Path) -> None:
    assert promises_broken(read(release), describe()) == []


def drop_column(now: dict[str, Any]) -> None:
    del now["tables"]["decisions"]["columns"]["rule"]


def demand_column(now: dict[str, Any]) -> None:
    columns = now["tables"]["decisions"]["columns"]
    columns["reviewer"] = {**columns["rule"], "optional": False}


def retype_column(now: dict[str, Any]) -> None:
    now["tables"]["exemplars"]["columns"]["phash"]["type"]["postgresql"] = "BYTEA"


def drop_table(now: dict[str, Any]) -> None:
    del now["tables"]["api_keys"]


def add_index(now: dict[str, Any]) -> None:
    now["tables"]["decisions"]["indexes"].append("ix_decisions_rule")


def rename_field(now: dict[str, Any]) -> None:
    case = message(now["documents"]["case"])
    case.data["screened"].CopyFrom(case.data.pop("flagged"))
    now["documents"]["case"]["bytes"] = base64.b64encode(case.SerializeToString()).decode()


def retype_field(now: dict[str, Any]) -> None:
    case = message(now["documents"]["case"])
    case.data["probability"].text = "high"
    now["documents"]["case"]["bytes"] = base64.b64encode(case.SerializeToString()).decode()


@pytest.mark.parametrize(
    "change",
    [drop_column, demand_column, retype_column, drop_table, add_index, rename_field, retype_field],
)
def test_what_would_break_the_release_before_is_seen(change: Callable[[Any], None]) -> None:
    now = copy.deepcopy(describe())
    change(now)
    assert len(promises_broken(describe(), now)) == 1


def test_a_new_optional_column_and_field_break_nothing() -> None:
    now = copy.deepcopy(describe())
    columns = now["tables"]["decisions"]["columns"]
    columns["reviewer"] = {**columns["rule"], "optional": True}
    case = message(now["documents"]["case"])
    case.data["later"].text = "new"
    now["documents"]["case"]["bytes"] = base64.b64encode(case.SerializeToString()).decode()
    assert promises_broken(describe(), now) == []


def known_to(old: Any, now: Any) -> Any:
    """What of a value the old release knows the fields of, down to the documents within."""
    if isinstance(old, dict) and isinstance(now, dict):
        return {name: known_to(value, now.get(name)) for name, value in old.items()}
    if isinstance(old, list) and isinstance(now, list) and len(old) == len(now):
        return [known_to(*both) for both in zip(old, now, strict=True)]
    return now


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", KINDS)
def test_documents_of_each_release_are_read_as_they_were_meant(release: Path, kind: str) -> None:
    old = read(release)["documents"][kind]
    now = plain(KINDS[kind].from_protobuf(message(old)))
    assert known_to(old["fields"], now) == old["fields"]
    if kind == "decision":  # as the ledger's table holds it
        kept = plain(Decision.model_validate_json(old["json"]))
        assert known_to(old["fields"], kept) == old["fields"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_a_database_of_each_release_is_taken_over(release: Path, empty_database: str) -> None:
    old = read(release)
    with opened(empty_database) as engine:
        make_tables(engine, old)
    decision = documents()["decision"]
    with engine.begin() as connection:
        row = {"document": old["documents"]["decision"]["json"], "id": decision.id}
        _insert(connection, old, "decisions", {**row, "number": 7})
        _insert(connection, old, "exemplars", {"id": "e1", "removed": False, "enabled": True})
    databases.prepare(empty_database)
    assert databases.plan(empty_database) == []
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, databases.whole()) == []
    ledger, library = DecisionStore(empty_database), ExemplarStore(empty_database)
    held = ledger.get(str(decision.id))
    assert held is not None
    assert (held.outcome, held.findings[0].claim) == ("reject", "cures")
    library.add([Exemplar(text="new", encoder_version="v1", text_embedding=[[1.0, 0.0]])])
    KeyStore(empty_database).close()
    # The old release, which is still there, goes on writing rows as it knows them.
    with engine.begin() as connection:
        _insert(connection, old, "decisions", {"id": "another", "number": 8})
        for name in old["tables"]:
            written = Table(name, MetaData(), autoload_with=connection)
            kept = name in ("decisions", "exemplars") or name.startswith("audit_")
            if not kept and not written.foreign_keys:
                connection.execute(delete(written))
                _insert(connection, old, name, {})
    assert ledger.count() == 8
    ledger.close()
    library.close()
    engine.dispose()


def _insert(connection: Connection, old: Any, name: str, given: dict[str, Any]) -> None:
    """A row with all columns that the old release knew, and no other."""
    table = Table(name, MetaData(), autoload_with=connection)
    row = {column: _some(table.c[column].type) for column in old["tables"][name]["columns"]}
    connection.execute(insert(table).values({**row, **given}))


def _some(kind: Any) -> Any:
    return {int: 1, float: 1.0, bool: True, bytes: b"x"}.get(kind.python_type, "x")
