"""The ledger's image as buildah builds it: every RUN for real, and the command in its root."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.images.built import Builder, NoBuilder
from tests.images.dockerfiles import image
from tests.images.roots import UID, NoSandbox, Root, require_sandbox
from tests.images.test_entries import alone

pytestmark = [
    pytest.mark.slow(reason="makes a Debian, and builds on it"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """The ledger's image, mounted."""
    folder = Path(tempfile.mkdtemp(prefix="adjudicate-built-"))
    folder.chmod(0o755)
    try:
        require_sandbox()
        builder = Builder(folder)
        with closing(builder):
            builder.build("ledger")
            with builder.mounted("ledger") as mounted:
                yield mounted
    except (NoBuilder, NoSandbox) as reason:
        pytest.skip(str(reason))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_it_starts_becomes_healthy_and_ends(root: Path, tmp_path: Path) -> None:
    made = Root(image("ledger"), tmp_path)
    made.data.mkdir()
    prefix = made.prefix()
    at = prefix.index("--proc")
    # All of the image's own: nothing of this machine stands in for its base.
    whole = [*prefix[: prefix.index("--ro-bind")], "--ro-bind", str(root), "/", *prefix[at:]]
    subprocess.run(["chown", "-R", f"{UID}:{UID}", str(made.data)], check=True)
    tmp_path.chmod(0o755)
    outcome = alone(made, whole)
    assert outcome.healthy, outcome.log
    assert outcome.user == UID
    assert outcome.status == 0


def test_nothing_that_builds_is_left(root: Path) -> None:
    for name in ("gcc", "g++", "pip", "pip3", "uv", "curl"):
        found = subprocess.run(["chroot", str(root), "sh", "-c", f"command -v {name}"])
        assert found.returncode != 0, name
    assert not (root / "usr/local/lib/python3.11/ensurepip").exists()


def test_its_code_is_compiled_and_nobody_else_may_change_it(root: Path) -> None:
    for folder in (root / "app", root / "opt/venv/lib/python3.11/site-packages/jina"):
        sources = [path for path in folder.rglob("*.py") if path.stat().st_size]
        compiled = {path.name.split(".")[0] for path in folder.rglob("*.pyc")}
        assert {path.stem for path in sources} <= compiled
    open_to_all = [
        path
        for place in ("app", "opt")
        for path in (root / place).rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o002
    ]
    assert open_to_all == []
