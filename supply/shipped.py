"""What the repository ships beside code: two models, and the fonts of their training pictures."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from supply.pins import ROOT

FONTS = ROOT / "models" / "render" / "fonts"
IMAGE_MODELS = {"encoder": "clip", "judge": "judge"}
"""The folder of models/ in each image that has one."""
LICENCE = "Apache-2.0"
"""Of the models, as their cards say: trained from nothing on pictures that the repository draws."""

_WEIGHTS = {"clip": "open_clip_model.safetensors", "judge": "model.safetensors"}


@dataclass(frozen=True)
class Model:
    """A model's weights."""

    name: str
    path: Path
    sha256: str

    @property
    def card(self) -> Path:
        return self.path.with_name("CARD.md")


@dataclass(frozen=True)
class Font:
    """One row of models/render/fonts/README.md."""

    file: str
    source: str
    """Package and version that the face was cut from."""
    licence: str
    text: Path
    """The licence with its copyright notice, as the package gives it."""


def models() -> dict[str, Model]:
    """Return the shipped models by the name of their folder."""
    paths = {name: ROOT / "models" / name / file for name, file in _WEIGHTS.items()}
    return {name: Model(name, path, sha256_of(path)) for name, path in paths.items()}


def fonts() -> list[Font]:
    """Return the shipped fonts, as their README lists them."""
    rows = re.findall(
        r"^\| `(.+?)` \| .+? \| (\S+ \S+) \| .+? \| (.+?) \|",
        (FONTS / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return [
        # "Apache-2.0 (chosen of …)": the first word is the licence that was chosen.
        Font(file, source, licence.split()[0], _text_of(source))
        for file, source, licence in rows
    ]


def _text_of(source: str) -> Path:
    package = source.split()[0].rpartition("/")[2]
    return FONTS / "licenses" / f"{package}.txt"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
