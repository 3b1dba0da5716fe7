"""docs/audit.md lists what the trail may tell, and its check is a check."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from adjudicate.audit.files import line_of
from adjudicate.documents import AuditAsk
from executors.gateway.routing.noting import NOTED
from executors.ledger.audit import reading
from executors.ledger.store import DecisionStore
from tests.ledger.audit.trails import write

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")


def test_every_kind_of_entry_is_on_the_page() -> None:
    told = {
        name
        for row in re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    written = {noted.what for noted in NOTED.values()}
    for path in (ROOT / "executors").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        written |= set(re.findall(r"\bDeed\(\s*\"(\w+)\"", text))
        written |= set(re.findall(r"audit\.note\(\s*\"(\w+)\"", text))
        written |= set(re.findall(r"_note\(connection, \"(\w+)\"", text))
        written |= set(re.findall(r"\b(?:_deed|deed)\(\s*\"(\w+)\"", text))
    assert {"decided", "reviewed", "erased", "signed_in"} <= written
    assert written <= told, written - told


@pytest.fixture
def engine(sqlite_url: str) -> Any:
    store = DecisionStore(sqlite_url)
    yield store.engine
    store.close()


def test_the_check_on_the_page_finds_what_was_changed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, 7)
    lines = [line_of(entry) for entry in reading.page(engine, AuditAsk(oldest=True))]
    (check,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)

    def run(kept: list[str]) -> None:
        (tmp_path / "trail.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
        exec(compile(check, "docs/audit.md", "exec"), {})  # noqa: S102

    run(lines)
    for wrong in (
        lines[:2] + lines[3:],
        [line.replace("decision 3", "another") for line in lines],
        [lines[1], lines[0], *lines[2:]],
    ):
        with pytest.raises(AssertionError):
            run(wrong)
