"""Where the claims that the judge read, and the terms of the rules, stand in an ad's copy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SPACE = re.compile(r"\s+")
_FEWEST = 2
"""Characters below which a piece is not looked for: it would stand everywhere."""


@dataclass(frozen=True)
class Piece:
    """A part of the copy; `kind` is `claim`, `term`, or empty for what is neither."""

    text: str
    kind: str = ""


def pieces(copy: str, claims: Iterable[str], terms: Iterable[str]) -> list[Piece]:
    """The copy in pieces that together are all of it. A claim goes before a term in it."""
    kinds = [""] * len(copy)
    for kind, wanted in (("term", terms), ("claim", claims)):
        for one in wanted:
            for start, end in places(copy, one):
                kinds[start:end] = [kind] * (end - start)
    return _runs(copy, kinds)


def stands(copy: str, claim: str) -> bool:
    """Whether the words are in the copy; else they were read in the picture."""
    return bool(places(copy, claim))


def places(copy: str, wanted: str) -> list[tuple[int, int]]:
    """Where the words stand: as they are written, or in other case and with other white space."""
    words = wanted.strip()
    if len(words) < _FEWEST:
        return []
    parts = [re.escape(part) for part in _SPACE.split(words)]
    pattern = re.compile(r"\s+".join(parts), re.IGNORECASE)
    return [found.span() for found in pattern.finditer(copy)]


def _runs(copy: str, kinds: Sequence[str]) -> list[Piece]:
    found: list[Piece] = []
    start = 0
    for at in range(1, len(copy) + 1):
        if at == len(copy) or kinds[at] != kinds[start]:
            found.append(Piece(copy[start:at], kinds[start]))
            start = at
    return found
