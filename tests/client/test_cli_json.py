"""`--json`: one object or a line for each, and nothing else on stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.cli.app import app
from tests.client.bulk.made import PNG, manifest
from tests.client.fake import FakeServers, FakeService

NOTHING = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def address(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeService:
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["http"])
    monkeypatch.chdir(tmp_path)
    return service


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def said(*arguments: str) -> list[dict[str, Any]]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_exemplar_from_its_addition_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "e.png").write_bytes(PNG)
    (added,) = said("library", "add", "e.png", "--category", "tea", "--severity", "high")
    assert (added["category"], added["severity"], added["polarity"]) == ("tea", "high", "violation")
    assert "image" not in added
    (shown,) = said("library", "show", added["id"])
    assert shown["id"] == added["id"]
    (off,) = said("library", "disable", added["id"], "--why", "overturned")
    assert (off["id"], off["enabled"]) == (added["id"], False)
    (on,) = said("library", "enable", added["id"])
    assert on["enabled"]
    (edited,) = said("library", "edit", added["id"], "--severity", "low", "--polarity", "lookalike")
    assert (edited["severity"], edited["polarity"]) == ("low", "lookalike")
    assert said("library", "list", "--polarity", "violation") == []
    assert [one["id"] for one in said("library", "list", "--polarity", "lookalike")] == [
        edited["id"]
    ]
    assert said("library", "remove", added["id"]) == [{"id": added["id"], "removed": True}]


def test_banks_and_their_switch() -> None:
    (bank,) = said("library", "bank", "march", "--off", "--note", "why")
    assert (bank["name"], bank["enabled"], bank["note"]) == ("march", False, "why")
    assert "march" in [one["name"] for one in said("library", "banks")]


def test_import_and_export_report_as_one_object(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("text,category\nCures all,cure\nCures all,cure\n")
    (report,) = said("library", "import", "e.csv", "--dry-run")
    assert report["dry_run"] is True
    (report,) = said("library", "import", "e.csv")
    assert (report["added"], report["repeated"], report["refused"]) == (1, 1, 0)
    assert len(report["lines"]) == 1
    (report,) = said("library", "export", "x.jsonl")
    assert (report["exported"], report["out"]) == (1, "x.jsonl")


def test_a_bulk_review_prints_its_summary_and_nothing_else(tmp_path: Path) -> None:
    result = invoke("review", str(manifest(tmp_path, 20)), "--out", "d.jsonl", "--json")
    assert result.exit_code == 1
    (summary,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert summary["outcomes"] == {"approve": 14, "reject": 2, "error": 4}
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 20


@pytest.mark.parametrize(
    ("options", "status"),
    [([], 0), (["--fail-on", "reject"], 4), (["--fail-on", "escalate"], 0)],
)
def test_a_bulk_review_exits_as_the_outcomes_say(
    tmp_path: Path, options: list[str], status: int
) -> None:
    (tmp_path / "m.csv").write_text("text\ncures\nfine\n")
    assert invoke("review", "m.csv", "--out", "d.jsonl", *options).exit_code == status
    # So it does when there is nothing left to send.
    assert invoke("review", "m.csv", "--out", "d.jsonl", *options).exit_code == status


def test_a_bulk_review_for_people_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("text\ncures\nfine\n")
    printed = invoke("review", "m.csv", "--out", "d.parquet").stdout
    assert "cure-claim" in printed
    assert "2 decisions in d.parquet" in printed


def test_parquet_without_an_out_file_is_reviewed_as_a_manifest_is(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["a", "b"], "text": ["cures", "fine"]}), tmp_path / "m.parquet")
    found = {one["ad_id"]: one["outcome"] for one in said("review", "m.parquet")}
    assert found == {"a": "reject", "b": "approve"}


def test_verify_and_lock_and_policies_speak_json() -> None:
    (found,) = said("models", "verify", "shipped")
    assert (found["name"], found["sound"]) == ("shipped", True)
    assert found["files"] > 0
    codes = {rule["code"] for rule in said("policy", "list", "--market", "CN")}
    assert "CN-AL-16" in codes


def test_a_service_that_is_gone_leaves_what_is_written_and_says_what_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "m.csv").write_text("text\n" + "fine\n" * 12)
    assert invoke("review", "m.csv", "--out", "d.jsonl").exit_code == 0
    kept = "".join((tmp_path / "d.jsonl").read_text().splitlines(keepends=True)[:5])
    (tmp_path / "d.jsonl").write_text(kept)
    result = invoke("review", "m.csv", "--out", "d.jsonl", "--url", NOTHING, "--timeout", "2")
    assert result.exit_code == 3
    first, second = result.stderr.splitlines()
    assert first == (
        "adjudicate: 5 decisions are in d.jsonl, 0 of them new; the same command goes on."
    )
    assert "adjudicate up" in second
    assert (tmp_path / "d.jsonl").read_text() == kept
