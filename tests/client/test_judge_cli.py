"""`adjudicate judge calibrate` with the shipped model."""

import csv
import json
import shutil
from importlib import util
from pathlib import Path
from random import Random

import pytest
import yaml
from typer.testing import CliRunner, Result

from adjudicate.cli import judge
from adjudicate.cli.app import app
from executors.judge.weights import checksums
from executors.shared.settings import ROOT
from models.judge_training.ads import copy_around
from models.render.claims import load_claims


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with its entry in a models.yml, which the settings name."""
    shutil.copytree(ROOT / "models" / "judge", tmp_path / "judge")
    (tmp_path / "models.yml").write_text("models:\n  ours:\n    source: ./judge  # here\n")
    monkeypatch.setenv("ADJUDICATE_JUDGE__MODELS", str(tmp_path / "models.yml"))
    monkeypatch.setenv("ADJUDICATE_JUDGE__MODEL", "ours")
    return tmp_path


def _labelled(folder: Path, each: int, turned: float) -> Path:
    """Copy-only ads, `each` of every claim; a share of the labels is `turned` around."""
    path, rng = folder / "labelled.csv", Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "market"))
        for claim in load_claims() * each:
            text = copy_around(claim.text, claim.language, rng)
            bad = claim.violating != (rng.random() < turned)
            writer.writerow((text, "violation" if bad else "compliant", claim.market))
    return path


def _calibrate(folder: Path, path: Path, *options: str) -> Result:
    out = ["--out", str(folder / "out")]
    return CliRunner().invoke(app, ["judge", "calibrate", str(path), *out, *options])


def test_a_temperature_is_proposed_and_written_only_when_asked(folder: Path) -> None:
    path = _labelled(folder, 2, turned=0.3)
    before = checksums(folder / "judge")
    result = _calibrate(folder, path)
    assert result.exit_code == 0, result.output
    assert "Nothing was written." in result.output
    assert "expected calibration error" in result.output
    found = json.loads((folder / "out" / "calibration.json").read_text())
    assert found["after"]["temperature"] > 1, "a third of the labels contradict the judge"
    assert found["fitted_on"] + found["violations"] + found["compliant"] == 160
    assert (folder / "out" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert "Nothing was written." in (folder / "out" / "report.html").read_text()
    assert "temperature" not in (folder / "models.yml").read_text()

    result = _calibrate(folder, path, "--write")
    assert f"Written to {folder / 'models.yml'}." in result.output.replace("\n", " ")
    entry = yaml.safe_load((folder / "models.yml").read_text())["models"]["ours"]
    assert entry["temperature"] == pytest.approx(found["after"]["temperature"], abs=1e-3)
    assert "# here" in (folder / "models.yml").read_text()
    assert checksums(folder / "judge") == before

    again = _calibrate(folder, path)
    assert again.exit_code == 0
    now = json.loads((folder / "out" / "calibration.json").read_text())
    assert now["before"]["temperature"] == entry["temperature"]


def test_a_model_without_an_entry_keeps_it_in_its_folder(folder: Path) -> None:
    other = Path(shutil.copytree(folder / "judge", folder / "other"))
    path = _labelled(folder, 2, turned=0.3)
    result = _calibrate(folder, path, "--write", "--model", str(other))
    assert result.exit_code == 0, result.output
    said = json.loads((other / "judge_config.json").read_text())
    kept = json.loads((folder / "judge" / "judge_config.json").read_text())
    assert said["temperature"] != kept["temperature"]
    assert {**said, "temperature": 0} == {**kept, "temperature": 0}


def test_too_few_ads_are_one_sentence(folder: Path) -> None:
    path = folder / "few.csv"
    path.write_text("text,label\nCures all,cure\nTea,compliant\n")
    result = _calibrate(folder, path, "--write")
    assert result.exit_code == 2
    assert result.stderr == (
        "adjudicate: A calibration takes at least 50 violations and 50 compliant ads; there are "
        "1 and 1 that can be used.\n"
    )
    assert "temperature" not in (folder / "models.yml").read_text()


def test_what_is_missing_or_not_there_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = _calibrate(folder, folder / "no.csv")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    result = _calibrate(folder, folder / "no.csv", "--model", "oours")
    assert "did you mean ours?" in result.stderr

    def found(name: str) -> object:
        return None if name == "matplotlib" else util.find_spec(name)

    monkeypatch.setattr(judge, "find_spec", found)
    result = _calibrate(folder, folder / "no.csv")
    assert "judge calibrate needs matplotlib: pip install 'adjudicate[report]'." in result.stderr
