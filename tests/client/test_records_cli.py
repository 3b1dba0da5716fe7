"""`adjudicate records`, as far as it needs no service, and what it prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adjudicate.cli import records
from adjudicate.cli.app import app
from adjudicate.documents import DecisionRow, Erasure, Expiry
from adjudicate.records import AsyncRecords


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["records", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the service was asked; it answers the same to all."""
    told: dict[str, Any] = {}

    def answering(name: str, answer: Any) -> Any:
        async def ask(self: AsyncRecords, **given: Any) -> Any:
            told[name] = given
            return answer(given) if callable(answer) else answer

        return ask

    row = DecisionRow(
        id="d1", ad_id="ad-1", outcome="reject", ruling_outcome="approve", excerpt="Cures all",
        decided_at="2026-03-01T10:00:00.000+00:00", distance=3,
    )  # fmt: skip
    answers = {
        "search": [row],
        "erase": lambda given: Erasure(
            dry_run=given["dry_run"], decisions=3, pictures=2, pictures_held=1, exemplars=["e1"]
        ),
        "expire": lambda given: Expiry(dry_run=given["dry_run"], pictures=5, copies=4, decisions=1),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(AsyncRecords, name, answering(name, answer))
    return told


def test_a_search_shows_what_counts_and_how_near_it_is(asked: dict[str, Any]) -> None:
    code, out, _ = invoke("search", "--phash", "f" * 64, "--rule", "HF-*")
    assert code == 0
    assert (asked["search"]["phash"], asked["search"]["rule"]) == ("f" * 64, "HF-*")
    assert re.search(r"2026-03-01T10:00:00\s+d1\s+ad-1\s+approve \(was reject\)", out)
    assert re.search(r"Cures all\s+3$", out.rstrip())
    code, out, _ = invoke("search", "--json")
    assert '"ruling_outcome":"approve"' in out


def test_erasure_wants_one_name_and_a_yes(asked: dict[str, Any]) -> None:
    for arguments, said in (
        ((), "Say --ad or --advertiser."),
        (("--ad", "a", "--advertiser", "b", "--yes"), "Say --ad or --advertiser."),
        (("--ad", "a"), "Say --dry-run"),
    ):
        code, _, err = invoke("erase", *arguments)
        assert (code, said in err) == (2, True), err
    assert "erase" not in asked


def test_erasure_says_what_it_left(asked: dict[str, Any]) -> None:
    code, out, _ = invoke("erase", "--advertiser", "Acme", "--yes")
    assert code == 0
    assert asked["erase"] == {"ad": "", "advertiser": "Acme", "dry_run": False}
    assert out.startswith("Erased: 3 decisions' ads, 2 pictures.")
    assert "Other ads hold 1 of their pictures too" in out
    assert "  e1\n" in out
    _, out, _ = invoke("erase", "--ad", "ad-1", "--dry-run")
    assert out.startswith("Would be erased: 3")


def test_expiry_is_counted_or_done(asked: dict[str, Any]) -> None:
    _, out, _ = invoke("expire", "--dry-run")
    assert out.startswith("Past their time: the pictures of 5 ads, copy and advertiser of 4, and 1")
    assert asked["expire"] == {"dry_run": True}
    _, out, _ = invoke("expire", "--json")
    assert '"pictures":5' in out
    assert asked["expire"] == {"dry_run": False}


def test_an_export_wants_a_suffix_that_it_knows(tmp_path: Path) -> None:
    code, _, err = invoke("export", str(tmp_path / "out.xlsx"))
    assert code == 2
    assert "must end in .csv, .jsonl, .parquet" in err


def test_the_module_is_what_the_app_has() -> None:
    names = {
        command.name or command.callback.__name__ for command in records.app.registered_commands
    }  # type: ignore[union-attr]
    assert names == {"search", "export", "expire", "erase"}
