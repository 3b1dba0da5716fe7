"""`make lint` finds a secret in what changed, and nobody's audited example twice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from supply.pins import ROOT

PYTHON = ROOT / ".venv" / "tools" / "bin" / "python"
BASELINE = json.loads((ROOT / ".secrets.baseline").read_text(encoding="utf-8"))
# In halves, so that this file has no secret either.
KEY = "AKIA" + "Q4J7X2ZL5T3N6WPB"
FINDINGS = [(name, one) for name, found in BASELINE["results"].items() for one in found]

needs_tools = pytest.mark.skipif(not PYTHON.exists(), reason="`make tools` installs detect-secrets")
Scan = Callable[[], "subprocess.CompletedProcess[str]"]


def test_each_finding_of_the_baseline_was_judged_to_be_none() -> None:
    assert [name for name, one in FINDINGS if one.get("is_secret") is not False] == []


def test_the_baseline_names_no_file_that_is_gone() -> None:
    assert {name for name, _ in FINDINGS if not (ROOT / name).exists()} == set()


def test_no_secret_is_asked_for_over_the_network() -> None:
    filters = " ".join(one["path"] for one in BASELINE["filters_used"])
    assert "verification" not in filters


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the real baseline's rules, and nothing known yet."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".gitignore").write_text(".venv\nignored\n")
    _know(tmp_path, {})
    return tmp_path


@pytest.fixture
def scan(tree: Path) -> Scan:
    command = [str(PYTHON), "-m", "supply.secrets"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False
        )

    return run


def _know(tree: Path, results: dict[str, object]) -> None:
    (tree / ".secrets.baseline").write_text(json.dumps({**BASELINE, "results": results}))


def _audited(tree: Path, judged: bool | None) -> None:
    """Take what is found now into the baseline, as a person judged it."""
    tool = str(PYTHON.with_name("detect-secrets"))
    said = subprocess.run(
        [tool, "scan", "--no-verify", "settings.py"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    results = json.loads(said)["results"]
    for one in results["settings.py"]:
        if judged is not None:
            one["is_secret"] = judged
    _know(tree, results)


@needs_tools
def test_a_secret_is_told_by_file_and_line_until_it_is_gone(tree: Path, scan: Scan) -> None:
    assert scan().returncode == 0
    (tree / "settings.py").write_text(f'x = 1\naws = "{KEY}"\n')
    for _ in range(2):  # a second look finds it too
        found = scan()
        assert found.returncode == 1
        assert "settings.py:2: AWS Access Key" in found.stderr
        assert "pragma: allowlist secret" in found.stderr
        assert KEY not in found.stderr + found.stdout
    (tree / "settings.py").write_text("x = 1\n")
    assert scan().returncode == 0


@needs_tools
def test_what_is_ignored_or_marked_is_passed_over(tree: Path, scan: Scan) -> None:
    (tree / "ignored").write_text(f'aws = "{KEY}"\n')
    (tree / "settings.py").write_text(f'aws = "{KEY}"  # pragma: allowlist secret\n')
    assert scan().returncode == 0


@needs_tools
@pytest.mark.parametrize(("judged", "code"), [(False, 0), (True, 1), (None, 1)])
def test_only_what_was_judged_harmless_passes_wherever_its_line_moves(
    tree: Path, scan: Scan, judged: bool | None, code: int
) -> None:
    (tree / "settings.py").write_text(f'aws = "{KEY}"\n')
    _audited(tree, judged)
    baseline = (tree / ".secrets.baseline").read_bytes()
    (tree / "settings.py").write_text(f'\n\n\naws = "{KEY}"\n')
    assert scan().returncode == code
    assert (tree / ".secrets.baseline").read_bytes() == baseline


@needs_tools
def test_only_what_changed_is_scanned_again(tree: Path, scan: Scan) -> None:
    (tree / "old.py").write_text(f'aws = "{KEY}"\n')
    (tree / "new.py").write_text("x = 1\n")
    _know(tree, {})
    os.utime(tree / "old.py", (1, 1))
    os.utime(tree / ".secrets.baseline", (1, 1))
    stamp = tree / ".venv" / ".secrets"
    stamp.write_text("")  # as after a scan that found nothing
    later = max(ROOT.joinpath("supply/secrets.py").stat().st_mtime, stamp.stat().st_mtime) + 10
    os.utime(stamp, (later, later))
    assert scan().returncode == 0
    os.utime(tree / "old.py", (later + 10, later + 10))
    os.utime(stamp, (later, later))
    assert "old.py:1" in scan().stderr
