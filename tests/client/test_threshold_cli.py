"""`adjudicate calibrate` and `adjudicate thresholds`, as far as they need no service."""

import json
from importlib import util
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from adjudicate.cli import calibrate
from adjudicate.cli.app import app
from adjudicate.cli.threshold_tables import (
    as_json_line,
    diff_table,
    print_comparison,
    version_panel,
    version_table,
)
from adjudicate.documents import ThresholdVersion
from adjudicate.shadow import Comparison


def version(name: str, **content: dict[str, float | None]) -> ThresholdVersion:
    parts = {signal.replace("_", "-"): values for signal, values in content.items()}
    return ThresholdVersion(
        id=name, state="active", encoder_version="v1", content=json.dumps(parts)
    )


def drawn(*parts: object) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


def test_what_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def found(name: str) -> object:
        return None if name == "matplotlib" else util.find_spec(name)

    monkeypatch.setattr(calibrate, "find_spec", found)
    result = CliRunner().invoke(app, ["calibrate", str(tmp_path / "any.csv")])
    assert result.exit_code == 2
    assert result.stderr == (
        "adjudicate: calibrate needs matplotlib: pip install 'adjudicate[report]'.\n"
    )


def test_a_difference_is_shown_against_the_others_default() -> None:
    before = version("aaaa", image={"cure": 0.7, "same": 0.8}, default={"image": 0.8})
    after = version("bbbb", image={"cure": 0.75, "new": 0.9}, image_text={"cure": 0.3})
    after.content = json.dumps(json.loads(after.content) | {"default": {"image": 0.8}})
    said = drawn(diff_table(before, after)).split()
    assert {"+0.0500", "+0.1000", "off", "0.3000"} <= set(said)
    assert "same" not in said, "0.8 is what it has by default"
    assert "the same values" in drawn(diff_table(before, before))


def test_a_version_is_shown_with_what_is_off_and_who_did_what() -> None:
    one = version("aaaa", image={"cure": None}, default={"image": 0.8, "text": 0.8})
    one.changed_by, one.changed_at = "mei", "2025-03-01T10:00:00"
    one.metrics = json.dumps({"recall": {"count": 97, "total": 100}})
    text = drawn(version_panel(one), version_table([one]))
    for said in ("off", "0.8000", "(others)", "mei", "0.970", "2025-03-01 10:00"):
        assert said in text
    line = json.loads(as_json_line(one))
    assert line["content"]["image"] == {"cure": None}
    assert line["metrics"]["recall"]["count"] == 97


def test_missed_rejects_stand_out() -> None:
    found = Comparison(both=8, neither=80, missed=["d1", "d2", "d3"], added=["d4"])
    found.active_only.update(reject=3, approve=1)
    found.shadow_only.update(approve=1)
    console = Console(width=140)
    with console.capture() as capture:
        print_comparison(console, ["aaaa"], found, samples=2)
    text = capture.get()
    assert "93 decisions beside shadow version aaaa" in text
    assert "12 now, 9 with the shadow (-25.0%)" in text
    assert "3 reject, 1 approve" in text
    assert "rejects missed: 3" in text
    assert "d1 d2 …" in text
    assert "d3" not in text
