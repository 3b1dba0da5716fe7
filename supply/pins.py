"""The packages that the requirements files name, by version and hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALL = ROOT / "requirements.txt"
IMAGES = ("client", "gateway", "encoder", "library", "judge", "ledger")
_CUDA = re.compile("(nvidia|cuda)-|triton$")
_COMMENT = re.compile("^ *#.*\n", re.MULTILINE)
_SHA256 = re.compile("--hash=sha256:([0-9a-f]{64})")
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """One package as it is installed."""

    name: str
    """In canonical form: lower case, with hyphens."""
    version: str
    hashes: frozenset[str]
    """SHA-256, in hex, of each file of this version: installing accepts no other."""


def read_pins(path: Path) -> dict[str, Pin]:
    """Return the pins of a requirements file, in the form that uv writes, by name.

    Raises `ValueError` for a line that is not `name==version` with hashes: such a line installs
    whatever there is on the day.
    """
    rest = _COMMENT.sub("", path.read_text(encoding="utf-8"))
    found = {
        name: Pin(name, version, frozenset(_SHA256.findall(hashes)))
        for name, version, hashes in _PIN.findall(rest)
    }
    if other := _PIN.sub("", rest).strip():
        raise ValueError(f"{path}: {other.splitlines()[0]} has no version or no hash")
    return found


def without_cuda(pins: Mapping[str, Pin]) -> dict[str, Pin]:
    """Return what requirements/without_cuda.awk leaves: CUDA's packages go, torch has no hash."""
    return {
        name: replace(pin, hashes=frozenset()) if name in ("torch", "torchvision") else pin
        for name, pin in pins.items()
        if name == "nvidia-ml-py" or not _CUDA.match(name)
    }


def image_pins() -> dict[str, dict[str, Pin]]:
    """Return what each image installs, by the image's name."""
    return {name: read_pins(ROOT / "requirements" / f"{name}.txt") for name in IMAGES}
