"""What `pip install` takes along."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_of_client_and_executors_is_installed() -> None:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(content["tool"]["setuptools"]["packages"])
    client = {
        ".".join(("adjudicate", *path.parent.relative_to(ROOT / "client/adjudicate").parts))
        for path in (ROOT / "client/adjudicate").rglob("__init__.py")
    }
    rooms = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "executors").rglob("__init__.py")
    }
    assert listed == client | rooms
