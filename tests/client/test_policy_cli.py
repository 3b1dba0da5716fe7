"""`adjudicate policy`: what a shell sees of good and of wrong rules. No service is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.cli.app import app
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT

HOUSE = (ROOT / "samples" / "policy" / "house.yaml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "house.yaml").write_text(HOUSE, encoding="utf-8")
    return tmp_path


def edit(folder: Path, old: str, new: str) -> Path:
    assert old in HOUSE
    (folder / "house.yaml").write_text(HOUSE.replace(old, new, 1), encoding="utf-8")
    return folder


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["policy", *map(str, arguments)])


def test_the_shipped_policy_passes() -> None:
    result = invoke("check")
    assert result.exit_code == 0, result.output
    version = load_policy(ROOT / "policies").version
    assert result.stdout == (
        f"21 rules in 5 files; markets CN, US, EU; products drug, device, food; policy {version}\n"
    )


def test_each_problem_is_a_line_that_editors_understand(folder: Path) -> None:
    edit(folder, "severity: medium", "severity: hihg\n    color: red")
    result = invoke("check", folder)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "house.yaml:9: rule HOUSE-1, severity: hihg is not known: did you mean high?; "
        "known: low, medium, high"
    )
    assert lines[1].startswith("house.yaml:10: rule HOUSE-1, color: is not a field")
    assert lines[2:] == ["2 problems; the policy cannot be used"]


def test_warnings_are_said_and_fail_nothing(folder: Path) -> None:
    edit(folder, "    terms: [best pain relief, number one, strongest, 全国最好, 第一品牌]\n", "")
    result = invoke("check", folder)
    assert result.exit_code == 0
    assert result.stdout.startswith("house.yaml:3: warning: rule HOUSE-1, terms: has none")
    assert "3 rules in 1 file;" in result.stdout


def test_a_rule_that_is_off_is_counted(folder: Path) -> None:
    edit(folder, "severity: medium", "severity: medium\n    enabled: false")
    assert "3 rules (1 off) in 1 file;" in invoke("check", folder).stdout


def test_the_check_as_json(folder: Path) -> None:
    sound = json.loads(invoke("check", folder, "--json").stdout)
    assert sound["version"] == load_policy(folder).version
    assert sound["rules"] == ["HOUSE-1", "HOUSE-2", "HOUSE-3"]
    assert sound["markets"] == ["CN", "US", "EU"]
    assert sound["problems"] == sound["warnings"] == sound["off"] == []
    edit(folder, "markets: [CN, US, EU]", "markets: [USA]")
    result = invoke("check", folder, "--json")
    assert result.exit_code == 1
    wrong = json.loads(result.stdout)
    assert wrong["version"] is None
    (problem,) = wrong["problems"]
    assert (problem["file"], problem["line"], problem["rule"]) == ("house.yaml", 6, "HOUSE-1")
    assert problem["field"] == "markets.0"
    assert problem["message"].startswith("USA is not known: did you mean US?")


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    for command in (["check", tmp_path / "no"], ["list", "--folder", tmp_path / "no"]):
        result = invoke(*command)
        assert result.exit_code == 2
        assert "does not exist" in result.stderr
        assert result.stdout == ""


def test_the_folder_is_that_of_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUDICATE_POLICIES", str(folder))
    assert "3 rules in 1 file;" in invoke("check").stdout
    assert "HOUSE-3" in invoke("list").stdout


def test_the_list_is_what_an_ad_is_held_to(folder: Path) -> None:
    result = invoke("list", "--folder", folder, "--product", "drug", "--market", "EU")
    assert result.exit_code == 0, result.output
    assert "HOUSE-1" in result.stdout
    assert "HOUSE-2" in result.stdout
    assert "HOUSE-3" not in result.stdout
    assert "superlative" in result.stdout
    assert "We never say that" in result.stdout
    assert f"2 rules, policy {load_policy(folder).version}" in result.stdout
    chinese = invoke("list", "--folder", folder, "--language", "zh")
    assert "我们从不宣称产品最好" in chinese.stdout
    listed = invoke("list", "--folder", folder, "--json").stdout.splitlines()
    assert [json.loads(line)["code"] for line in listed] == ["HOUSE-1", "HOUSE-2", "HOUSE-3"]


def test_the_list_marks_what_is_off(folder: Path) -> None:
    edit(folder, "severity: medium", "severity: medium\n    enabled: false")
    assert (
        "off  We never say that a product is the best" in invoke("list", "--folder", folder).stdout
    )


def test_a_rule_is_shown_whole(folder: Path) -> None:
    shown = invoke("show", "HOUSE-3", "--folder", folder, "--language", "zh").stdout
    for part in ("House rules, 3", "food", "weight-loss, comparison", "我们不承诺减重", "no diet"):
        assert part in shown
    found = json.loads(invoke("show", "HOUSE-3", "--folder", folder, "--json").stdout)
    assert found["text"]["zh"].startswith("我们不承诺减重")
    assert found["enabled"] is True


def test_a_rule_that_is_not_there_is_said_with_the_nearest(folder: Path) -> None:
    result = invoke("show", "house-4", "--folder", folder)
    assert result.exit_code == 1
    assert "there is no rule house-4; did you mean HOUSE-" in result.stderr


def other(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_difference_names_rules_fields_and_the_ads_judged_anew(
    folder: Path, tmp_path: Path
) -> None:
    changed = HOUSE.replace("severity: high", "severity: low\n    enabled: false")
    changed = changed.replace("HOUSE-3", "HOUSE-4").replace("strongest, 全", "mightiest, 全")
    result = invoke("diff", folder, other(tmp_path, changed))
    assert result.exit_code == 0, result.output
    *lines, last = result.stdout.splitlines()
    assert lines == [
        "+ HOUSE-4",
        "- HOUSE-3",
        "~ HOUSE-1, terms: -strongest, +mightiest",
        "~ HOUSE-2, severity: high -> low",
        "~ HOUSE-2, enabled: true -> false",
    ]
    assert last.endswith(
        "ads that are judged anew: CN drug, CN device, CN food, US drug, US device, US food, "
        "EU drug, EU device, EU food"
    )


def test_an_edit_of_one_markets_rule_judges_only_its_ads_anew(folder: Path, tmp_path: Path) -> None:
    one = edit(
        folder, "markets: [CN, US, EU]\n    products: [food]", "markets: [US]\n    products: [food]"
    )
    two = other(tmp_path, (one / "house.yaml").read_text("utf-8").replace("减重", "变瘦", 1))
    found: dict[str, Any] = json.loads(invoke("diff", one, two, "--json").stdout)
    assert found["judged_anew"] == ["US food"]
    assert list(found["changed"]) == ["HOUSE-3"]
    old, new = found["changed"]["HOUSE-3"]["text"]
    assert old["en"] == new["en"]
    assert old["zh"] != new["zh"]


def test_no_difference_is_said(folder: Path, tmp_path: Path) -> None:
    same = other(tmp_path, HOUSE.replace("# A policy of three rules", "# Ours"))
    assert invoke("diff", folder, same).stdout.startswith("no difference: policy ")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_without_the_modules_that_read_rules_one_sentence_says_so() -> None:
    done = python(
        "import sys; sys.modules['yaml'] = None\n"
        "from adjudicate.cli.app import app; app(['policy', 'check'])"
    )
    assert done.returncode == 2
    said = "yaml is not installed; the policy commands need `pip install '.[serve]'`."
    assert done.stderr == f"adjudicate: {said}\n"


def test_the_commands_need_no_model() -> None:
    done = python(
        "import sys; from adjudicate.cli.app import app\n"
        "app(['policy', 'check'], standalone_mode=False)\n"
        "heavy = ('torch', 'transformers', 'open_clip', 'sqlalchemy', 'opencc')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
