"""An export of the trail is checked where it is, without the service."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adjudicate.audit.chain import GENESIS, Entry, canonical, hash_of
from adjudicate.audit.checking import Broken, Chain
from adjudicate.audit.files import check_file, line_of
from adjudicate.cli.app import app
from adjudicate.documents import AuditEntry


def trail(count: int) -> list[Entry]:
    entries: list[Entry] = []
    previous = GENESIS
    for number in range(1, count + 1):
        at = f"2025-06-{number:02d}T00:00:00.000+00:00"
        facts = {"answer": "violation", "rule": "CN-AL-16", "share": 0.25, "名": "根治"}
        bare = Entry(number, at, "reviewed", f"d{number}", "key:a", facts, previous)
        entries.append(replace(bare, hash=hash_of(bare)))
        previous = entries[-1].hash
    return entries


def write(path: Path, entries: list[Entry]) -> Path:
    lines = [
        line_of(AuditEntry(**{**vars(entry), "facts": canonical(entry.facts)})) for entry in entries
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["audit", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_an_export_proves_itself(tmp_path: Path) -> None:
    entries = trail(5)
    path = write(tmp_path / "trail.jsonl", entries)
    chain = check_file(path, noted=entries[3].hash)
    assert (chain.entries, chain.first, chain.hash) == (5, 1, entries[-1].hash)
    code, out, _ = invoke("verify", str(path))
    assert code == 0
    assert out == (
        f"{path} is whole: entries 1 to 5, up to {entries[-1].at}.\nIts end: {entries[-1].hash}\n"
    )


def test_a_later_part_says_what_it_goes_on_from(tmp_path: Path) -> None:
    entries = trail(5)
    path = write(tmp_path / "part.jsonl", entries[2:])
    code, out, _ = invoke("verify", str(path))
    assert code == 0
    assert f"It begins after entry 2, whose hash must be {entries[1].hash}." in out
    assert json.loads(invoke("verify", str(path), "--json")[1]) == {
        "whole": True,
        "entries": 3,
        "first": 3,
        "head": entries[-1].hash,
    }


def edit(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], subject="another")


def remove(entries: list[Entry]) -> None:
    del entries[2]


def swap(entries: list[Entry]) -> None:
    entries[2], entries[3] = entries[3], entries[2]


def put_in(entries: list[Entry]) -> None:
    entries.insert(2, entries[2])


def forge(entries: list[Entry]) -> None:
    """An entry with a hash of its own that is right."""
    forged = replace(entries[2], subject="another")
    entries[2] = replace(forged, hash=hash_of(forged))


def date_back(entries: list[Entry]) -> None:
    """All that follow written anew, too."""
    entries[2] = replace(entries[2], at="2020-01-01")
    for at in range(2, len(entries)):
        anew = replace(entries[at], previous=entries[at - 1].hash)
        entries[at] = replace(anew, hash=hash_of(anew))


@pytest.mark.parametrize(
    ("change", "number", "why"),
    [
        (edit, 3, "entry 3 was changed"),
        (remove, 3, "entry 3 is missing"),
        (swap, 3, "entry 3 is missing"),
        (put_in, 3, "entry 3 stands after entry 3"),
        (forge, 4, "entry 4 does not follow entry 3"),
        (date_back, 3, "entry 3 is dated before entry 2"),
    ],
)
def test_the_first_entry_that_is_not_right_is_named(
    tmp_path: Path, change: Callable[[list[Entry]], None], number: int, why: str
) -> None:
    entries = trail(6)
    change(entries)
    path = write(tmp_path / "trail.jsonl", entries)
    with pytest.raises(Broken, match=why) as found:
        check_file(path)
    assert found.value.number == number
    code, out, said = invoke("verify", str(path))
    assert (code, out) == (1, "")
    assert said.startswith(f"adjudicate: {path} is not whole: {why}")


def test_an_end_that_was_noted_must_be_there(tmp_path: Path) -> None:
    entries = trail(6)
    path = write(tmp_path / "trail.jsonl", entries[:4])
    assert invoke("verify", str(path))[0] == 0
    code, _, said = invoke("verify", str(path), "--head", entries[-1].hash)
    assert (code, "the noted end is not in the trail" in said) == (1, True)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "{}",
        '{"number": 1}',
        json.dumps({**vars(trail(1)[0]), "more": 1}),
        json.dumps(vars(trail(1)[0])).replace('"d1"', '"d1", "subject": "d2"'),
        json.dumps({**vars(trail(1)[0]), "facts": "{}"}),
    ],
)
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "trail.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(Broken, match="line 1 is no entry of an audit trail"):
        check_file(path)


def test_a_file_without_entries_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    path.write_text("\n", encoding="utf-8")
    assert invoke("verify", str(path))[::2] == (
        2,
        f"adjudicate: {path} holds no entries of an audit trail.\n",
    )
    assert invoke("verify", str(tmp_path / "none.jsonl"))[0] == 2


def test_the_end_that_is_kept_beside_the_trail_must_be_its_own() -> None:
    entries = trail(3)
    for number, head in ((4, entries[-1].hash), (3, "a" * 64), (2, entries[1].hash)):
        chain = Chain()
        chain.take(entries)
        with pytest.raises(Broken):
            chain.ends(number, head)
    chain.ends(3, entries[-1].hash)


@pytest.mark.parametrize("value", [float("inf"), 2**53])
def test_facts_that_every_reader_understands_alike(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical({"value": value})
    assert canonical({"b": 1.0, "a": 1e21, "ä": None}) == '{"a":1e+21,"b":1,"ä":null}'
