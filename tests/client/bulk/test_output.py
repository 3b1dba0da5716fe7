"""The out file: nothing lost, nothing twice, no other input's, one writer at a time."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from docarray import DocList

from adjudicate import Ad, Decision
from adjudicate.bulk import parquet
from adjudicate.bulk.journal import Journal
from adjudicate.bulk.output import Output
from adjudicate.bulk.rows import Row
from adjudicate.documents import Finding, Match, Outcome, Problem

INPUT: dict[str, str | int] = {"url": "m.csv", "size": 10}


def row(number: int, name: str = "") -> Row:
    return Row(number, name or f"ad-{number}", Ad)


def filled(out: Path, numbers: range, **options: bool) -> None:
    held = Output(out, INPUT, {}, **options)
    for number in numbers:
        held.add(row(number), Decision(ad_id=f"ad-{number}", outcome="approve"))
    held.close()


def rows(out: Path) -> list[int]:
    return [json.loads(line)["row"] for line in out.read_text().splitlines()]


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_torn_last_line_is_cut_off_and_its_ad_is_not_done(tmp_path: Path, keep: float) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 4))
    whole = out.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    out.write_bytes(whole[: len(whole) - len(last) + int(len(last) * keep)])
    held = Output(out, INPUT, {})
    assert [n in held.done for n in (1, 2, 3)] == [True, True, False]
    held.add(row(3), Decision(ad_id="ad-3", outcome="reject"))
    held.close()
    assert rows(out) == [1, 2, 3]


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 3))
    good = out.read_bytes()
    out.write_bytes(good + b'{"row":3,"reasons":["' + b"x" * 200_000)
    Output(out, INPUT, {}).close()
    assert out.read_bytes() == good


def test_a_line_that_is_no_decision_is_refused_with_its_number(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 3))
    out.write_text(out.read_text() + "no decision\n" + out.read_text())
    with pytest.raises(ValueError, match="line 3 is no decision"):
        Output(out, INPUT, {})


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 3))
    out.write_text(out.read_text() * 2)
    with pytest.raises(ValueError, match="row 1 has two decisions"):
        Output(out, INPUT, {})


@pytest.mark.parametrize(
    ("identity", "options", "said"),
    [
        ({"url": "other.csv", "size": 10}, {}, "another input: url was m.csv and is other.csv"),
        ({"url": "m.csv", "size": 11}, {}, "another input: size was 10 and is 11"),
        (INPUT, {"market": "CN"}, "other options: market was not given and is CN"),
    ],
)
def test_the_decisions_of_something_else_are_refused_and_left_as_they_are(
    tmp_path: Path, identity: dict[str, Any], options: dict[str, str], said: str
) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 4))
    before = out.read_bytes()
    with pytest.raises(ValueError, match=said):
        Output(out, identity, options)
    assert out.read_bytes() == before


def test_a_file_that_no_run_has_written_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    out.write_text('{"mine": 1}\n')
    with pytest.raises(ValueError, match=r"not d\.jsonl\.run\.json"):
        Output(out, INPUT, {})
    assert out.read_text() == '{"mine": 1}\n'


def test_one_run_writes_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    first = Output(out, INPUT, {})
    with pytest.raises(ValueError, match="Another run is writing"):
        Output(out, INPUT, {})
    first.add(row(1), Decision(ad_id="ad-1", outcome="approve"))
    first.close()
    Output(out, INPUT, {}).close()


def test_a_run_that_goes_on_keeps_its_id_and_a_restart_takes_another(tmp_path: Path) -> None:
    out = tmp_path / "d.jsonl"
    filled(out, range(1, 3))
    again = Output(out, INPUT, {})
    run = again.run
    again.close()
    anew = Output(out, {"url": "other.csv"}, {"market": "EU"}, restart=True)
    assert anew.run != run
    assert anew.done.count == 0
    assert out.read_bytes() == b""
    anew.close()


def test_an_out_file_without_a_decision_does_not_stay(tmp_path: Path) -> None:
    Output(tmp_path / "d.jsonl", INPUT, {}).close()
    assert list(tmp_path.iterdir()) == []


def error(code: str) -> Decision:
    return Decision(ad_id="x", outcome="error", problem=Problem(code=code))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_errors_of_the_service_are_dropped_to_be_sent_again_and_others_are_not(
    tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"d{suffix}"
    held = Output(out, INPUT, {})
    held.add(row(1), error("room_unavailable"))
    held.add(row(2), error("image_truncated"))
    held.add(row(3), Decision(ad_id="ad-3", outcome="approve"))
    held.finish()
    held.close()
    again = Output(out, INPUT, {}, retry_errors=True)
    assert [n in again.done for n in (1, 2, 3)] == [False, True, True]
    assert dict(again.tally.errors) == {"image_truncated": 1}
    again.add(row(1), Decision(ad_id="ad-1", outcome="approve"))
    again.finish()
    again.close()
    final = Output(out, INPUT, {})
    assert final.tally.outcomes == {"approve": 2, "error": 1}
    final.close()


def test_a_full_disk_is_said_with_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "d.jsonl")

    class Full:
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal, "_file", Full())
    with pytest.raises(OSError, match=r"No space left on device: '.*d\.jsonl'"):
        journal.append("{}")


def full() -> Decision:
    """Every field has a value."""
    match = Match(exemplar_id="x", category="c", rule="r", similarity=0.5, matched="m")
    finding = Finding(
        rule="r", claim="药到病除", rationale="w", verdict="violation", probability=0.9
    )
    return Decision(
        ad_id="a",
        outcome="reject",
        reasons=["one", "two"],
        rule="r",
        confidence=0.75,
        matches=DocList[Match]([match]),
        findings=DocList[Finding]([finding]),
        problem=Problem(code="c", detail="d"),
        judged=True,
        flagged=True,
        shadow_flagged=False,
        audit=True,
        versions={"encoder": "v1", "ledger": "v2"},
        cached=True,
        trace_id="t",
        timings={"encoder": 1.5},
        decided_at="2026-01-01T00:00:00Z",
    )


@pytest.mark.parametrize("make", [full, Decision])
def test_parquet_holds_every_field_of_a_decision(
    tmp_path: Path, make: Callable[[], Decision]
) -> None:
    record = {"row": 7, **json.loads(make().model_dump_json())}
    parquet.write([record], tmp_path / "d.parquet")
    assert list(parquet.read(tmp_path / "d.parquet")) == [record]
    assert set(parquet.schema().names) == {"row", *Decision.model_fields}


def test_parquet_is_written_group_by_group_and_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP", 10)
    out = tmp_path / "d.parquet"
    held = Output(out, INPUT, {})
    for number in range(1, 26):
        held.add(row(number), Decision(ad_id=f"ad-{number}", outcome=get_args(Outcome)[number % 3]))
    held.close()
    assert not out.exists()
    held = Output(out, INPUT, {})
    held.finish()
    assert pq.ParquetFile(out).metadata.num_row_groups == 3
    assert pq.read_table(out)["row"].to_pylist() == list(range(1, 26))
    assert {path.name for path in tmp_path.iterdir()} == {"d.parquet", "d.parquet.run.json"}
    held.close()


def test_a_parquet_file_of_something_else_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "d.parquet"
    out.write_bytes(b"mine")
    with pytest.raises(ValueError, match="not Parquet"):
        Output(out, INPUT, {})
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(("name", "said"), [("d.csv", "must end in"), ("no/d.jsonl", "no folder")])
def test_an_out_file_that_cannot_be(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Output(tmp_path / name, INPUT, {})
