"""`adjudicate models verify`, `lock` and `list`, as far as they need no service."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from adjudicate.cli.app import app
from executors.judge.registry import prepare, resolve
from executors.judge.weights import checksums
from executors.shared.settings import ROOT, load_settings

MODELS = """\
models:
  # ours
  ours:
    source: ./judge  # here
  away:
    source: ./away
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "models" / "judge", tmp_path / "judge")
    (tmp_path / "models.yml").write_text(MODELS)
    monkeypatch.setenv("ADJUDICATE_JUDGE__MODELS", str(tmp_path / "models.yml"))
    monkeypatch.setenv("ADJUDICATE_JUDGE__MODEL", "ours")
    return tmp_path


def _models(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def test_what_was_never_recorded_is_not_verified_and_says_how(folder: Path) -> None:
    result = _models("verify")
    assert result.exit_code == 1
    assert "ours: no checksums recorded; run `adjudicate models lock ours`" in result.output
    assert "away: not here" in result.output


def test_locked_files_verify_until_one_changes(folder: Path) -> None:
    files = checksums(folder / "judge")
    assert _models("lock", "ours").output == (
        f"ours: the checksums of {len(files)} files are recorded\n"
    )
    text = (folder / "models.yml").read_text()
    assert yaml.safe_load(text)["models"]["ours"]["files"] == files
    assert "# ours\n" in text
    assert "./judge  # here\n" in text
    assert _models("verify").exit_code == 0
    assert f"{len(files)} files as they were recorded" in _models("verify", "ours").output
    prepare(resolve(load_settings().judge))

    (folder / "judge" / "judge_config.json").write_text('{"prompt": "full"}')
    result = _models("verify", "ours")
    assert (result.exit_code, result.output) == (1, "ours: judge_config.json was changed\n")
    assert _models("lock", "ours").exit_code == 0
    assert _models("verify", "ours").exit_code == 0


def test_a_named_model_that_is_not_here_does_not_verify_nor_lock(folder: Path) -> None:
    assert _models("verify", "away").exit_code == 1
    result = _models("lock", "away")
    assert (result.exit_code, result.stderr) == (
        2,
        "adjudicate: away is not here: its source ./away has to be first.\n",
    )


def test_a_wrong_name_is_told_what_was_meant(folder: Path) -> None:
    for command in ("verify", "lock"):
        result = _models(command, "our")
        assert result.exit_code == 2
        assert "did you mean ours?" in result.stderr


def test_a_pickle_neither_verifies_nor_locks(folder: Path) -> None:
    (folder / "judge" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert "is a pickle" in _models("verify").output
    result = _models("lock", "ours")
    assert "is a pickle" in result.stderr
    assert "files" not in yaml.safe_load((folder / "models.yml").read_text())["models"]["ours"]


def test_a_lock_that_cannot_be_written_leaves_the_file_whole(folder: Path) -> None:
    text = "models: {ours: {source: ./judge}}\n"
    (folder / "models.yml").write_text(text)
    result = _models("lock", "ours")
    assert "cannot be changed: ours stands in braces" in result.stderr
    assert (folder / "models.yml").read_text() == text
    assert not list(folder.glob(".models.yml.*"))


def test_without_a_service_the_list_says_so_and_shows_what_is_here(folder: Path) -> None:
    _models("lock", "ours")
    result = _models("list", "--url", "grpc://127.0.0.1:9")
    assert result.exit_code == 0
    assert "No judge answers at grpc://127.0.0.1:9" in result.output
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line.strip()}
    assert rows["ours"][1:3] == ["here", "ok"]
    assert rows["away"][1:3] == ["missing", "none"]
    as_json = _models("list", "--url", "grpc://127.0.0.1:9", "--json")
    assert (as_json.exit_code, as_json.stdout) == (3, "")


def test_the_commands_need_nothing_heavy_to_be_listed() -> None:
    result = _models("--help")
    for command in ("list", "verify", "lock", "load"):
        assert command in result.output
