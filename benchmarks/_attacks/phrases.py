"""The words of attacks by family and place, and honest ones to compare."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from benchmarks._attacks.disguise import DISGUISES, IN_PICTURES

Place = Literal["copy", "picture"]
PLACES: tuple[Place, ...] = ("copy", "picture")
_DISGUISED = "disguised"


def phrases(name: str = "phrases") -> Iterator[tuple[str, Place, str]]:
    """Yield family, place and words of a file: `phrases`, or `developed`, which tests know too."""
    for family, places in _content(name).items():
        for place in PLACES:
            for text in places[place]:
                yield from ((family, place, way) for way in _ways(family, place, text))


def honest(name: str) -> tuple[str, ...]:
    """What lawful ads say: `known`, `seen_later` or `held_out`."""
    return tuple(_content("honest")[name])


def _ways(family: str, place: Place, text: str) -> Iterator[str]:
    if family != _DISGUISED:
        yield text
        return
    for name in DISGUISES if place == "copy" else IN_PICTURES:
        yield DISGUISES[name](text)


@cache
def _content(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))
