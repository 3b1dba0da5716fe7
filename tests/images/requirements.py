"""The packages of the images, as requirements/*.txt pin them."""

from __future__ import annotations

import re
from pathlib import Path

from executors.shared.settings import ROOT


def file_of(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def pinned(name: str) -> dict[str, str]:
    """Versions by package."""
    return _read(file_of(name))


def everything() -> dict[str, str]:
    """Versions by package, of requirements.txt."""
    return _read(ROOT / "requirements.txt")


def _read(file: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)==(\S+)", file.read_text(encoding="utf-8"), re.M)
    return dict(found)
