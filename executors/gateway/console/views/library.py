"""Exemplars as the library's pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

PAGE = 48
"""Exemplars of one page: a multiple of every number of columns up to four, and of six."""
SCANNED = 200
"""Exemplars that one page of the search for copies looks at."""
_DOUBTFUL_FROM = 5
"""Flagged ads below which the overturned ones say little."""
_COPIED = (
    *("id", "text", "category", "rule", "severity", "polarity", "bank", "enabled"),
    *("last_hit_at", "added_at", "added_by"),
)
_COUNTS = ("flagged", "rejected", "overturned")

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Card:
    """An exemplar among others."""

    id: str
    text: str
    category: str
    rule: str
    severity: str
    polarity: str
    bank: str
    enabled: bool
    in_use: bool
    """Neither it nor its bank is switched off."""
    pictured: bool
    flagged: int
    rejected: int
    overturned: int
    last_hit_at: str
    added_at: str
    added_by: str

    @property
    def path(self) -> str:
        """Of its page."""
        return exemplar_path(self.id)

    @property
    def doubtful(self) -> bool:
        """It flags harmless ads at least as often as others: somebody should look at it."""
        return self.flagged >= _DOUBTFUL_FROM and 2 * self.overturned >= self.flagged


@dataclass(frozen=True)
class Copies:
    """An exemplar, and what is almost a copy of it."""

    card: Card
    others: tuple[Copy, ...]


@dataclass(frozen=True)
class Copy:
    """How an exemplar is alike to another."""

    card: Card | None
    """None where it was removed meanwhile."""
    id: str
    signal: str
    similarity: float
    threshold: float

    @property
    def almost(self) -> bool:
        """Whether it is almost a copy."""
        return self.similarity >= self.threshold

    @property
    def distance(self) -> int:
        """Bits in which the pictures' hashes differ, for the signal `hash`."""
        return round((1 - self.similarity) * 256)


@dataclass(frozen=True)
class Added:
    """What became of one exemplar that was to be added."""

    name: str
    """The file's, or the beginning of the text."""
    state: str
    """`added`, `repeats` or `refused`."""
    id: str = ""
    near: str = ""
    """The id of what it is almost a copy of."""
    problem: Data = field(default_factory=dict)


def exemplar_path(exemplar_id: str) -> str:
    """The page of an exemplar, below the console; whatever stands in its id."""
    return f"/exemplars/{quote(exemplar_id, safe='')}"


def card(exemplar: Data, banks_off: Iterable[str] = ()) -> Card:
    """Of an exemplar as the operations answer it."""
    hits = exemplar.get("hits") or {}
    copied: dict[str, Any] = {name: exemplar[name] for name in _COPIED}
    counts: dict[str, Any] = {name: int(hits.get(name, 0)) for name in _COUNTS}
    # A listing has no pictures. The content's hash is over both; an exemplar without text has one,
    # and a picture has a perceptual hash, but for a plain one.
    pictured = bool(exemplar.get("image") or exemplar.get("phash") or not exemplar["text"].strip())
    return Card(
        **copied,
        **counts,
        in_use=exemplar["enabled"] and exemplar["bank"] not in set(banks_off),
        pictured=pictured,
    )


def copies_of(
    exemplars: Sequence[Data], near: Sequence[Data], held: Mapping[str, Card]
) -> list[Copies]:
    """The exemplars that have copies, each pair once.

    `exemplars` in the order of their ids, `near` what is almost a copy of each; `held` knows the
    cards of all of them.
    """
    found = []
    for exemplar, answer in zip(exemplars, near, strict=True):
        own = held[exemplar["id"]]
        others = tuple(
            one
            for one in alike(answer, held)
            # One in use is the other's neighbour too: the pair stands at whichever comes first.
            if not (own.in_use and one.id < own.id)
        )
        if others:
            found.append(Copies(own, others))
    return found


def alike(answer: Data, held: Mapping[str, Card]) -> list[Copy]:
    """What lies near one exemplar, each other once, by its best match."""
    best: dict[str, Copy] = {}
    for match in answer["matches"]:
        name = match["exemplar_id"]
        one = Copy(
            held.get(name), name, match["signal"], match["similarity"], match["threshold"] or 1.0
        )
        best.setdefault(name, one)
    return list(best.values())


def added(answered: Sequence[Data], names: Sequence[str]) -> list[Added]:
    """What became of each exemplar of one form; `names` say what it was called there."""
    return [_added(name, one) for name, one in zip(names, answered, strict=True)]


def _added(name: str, one: Data) -> Added:
    if one.get("problem"):
        return Added(name, "refused", problem=one["problem"])
    if one.get("repeats"):
        return Added(name, "repeats", id=one["repeats"])
    return Added(name, "added", id=one["id"], near=one.get("near_duplicate", ""))
