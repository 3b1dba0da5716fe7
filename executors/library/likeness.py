"""An exemplar that an ad resembles, in one signal, and from where on that counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from executors.library.store import Entry
from executors.library.thresholds import Signal, Thresholds


class Likeness(NamedTuple):
    """An exemplar and its cosine with the ad."""

    signal: Signal
    entry: Entry
    similarity: float

    @property
    def violates(self) -> bool:
        """Whether it is a known violation, not a look-alike that is fine."""
        return self.entry.polarity == "violation"


class Copy(NamedTuple):
    """An exemplar whose picture was copied, and the bits in which the hashes differ."""

    likeness: Likeness
    distance: int


Likenesses = Mapping[Signal, Sequence[Likeness]]


def threshold(thresholds: Thresholds, signal: Signal, category: str) -> float:
    """From which cosine on an exemplar of this category counts; +inf where the signal is off.

    Only a look-alike may have no category. It counts from the signal's lowest threshold on, since
    it may have to answer for an exemplar of any.
    """
    if category:
        return thresholds.of(signal, category)
    known = thresholds.by_category.get(signal, {})
    return min(thresholds.of(signal, name) for name in ("", *known))


def margin(likeness: Likeness, thresholds: Thresholds) -> float:
    """By how much the cosine exceeds its threshold: what signals can be compared by."""
    return likeness.similarity - threshold(thresholds, likeness.signal, likeness.entry.category)


def by_margin(likenesses: Iterable[Likeness], thresholds: Thresholds) -> list[Likeness]:
    """The furthest above its threshold first."""
    return sorted(likenesses, key=lambda likeness: -margin(likeness, thresholds))


def at_thresholds(found: Likenesses, thresholds: Thresholds) -> Likenesses:
    """Of what was found, what reaches its threshold."""
    return {
        signal: [likeness for likeness in likenesses if margin(likeness, thresholds) >= 0]
        for signal, likenesses in found.items()
    }
