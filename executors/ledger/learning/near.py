"""Which ads on record are near-duplicates of one: by their pictures' hashes, or by their copy."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

HASH_BITS = 256
"""Of PDQ. Not taken from `perceptual_hash`, which makes the hashes: the ledger has no need of that
library."""

AT_ONCE = 20_000
"""Rows to compare at a time: some 5 MB."""

COLUMNS = ("decision_id", "picture", "phash", "copy_hash", "copy_gone_at")
"""Of the evidence: all that is compared."""


class Content(NamedTuple):
    """What two ads are compared by; empty where an ad has none."""

    picture: str
    """SHA-256, hex, of the picture's bytes."""
    phash: str
    """PDQ, 256 bits, hex; empty too where it would mean nothing."""
    copy_hash: str
    """SHA-256, hex, of the folded copy."""
    copy_known: bool = True
    """False when the copy has expired: whether there was any is not known."""

    @classmethod
    def of(cls, row: Any) -> Content:
        """Of a row of evidence."""
        return cls(row.picture, row.phash, row.copy_hash, not row.copy_gone_at)


@dataclass(frozen=True)
class Near:
    """A near-duplicate."""

    decision_id: str
    distance: int | None
    """Bits of 256; None where the pictures are no copies."""
    same_copy: bool
    whole: bool
    """The pictures are copies, if either ad has one, and so is the copy, if either has any."""

    @property
    def rank(self) -> tuple[bool, int, bool, str]:
        """The nearest first."""
        distance = HASH_BITS if self.distance is None else self.distance
        return (not self.whole, distance, not self.same_copy, self.decision_id)


@dataclass
class Found:
    """The nearest of all that were compared, and how many there are in all."""

    nearest: list[Near]
    count: int


def nearest(parts: Iterable[Sequence[Row[Any]]], of: Content, distance: int, most: int) -> Found:
    """The `most` nearest of the rows of evidence, which have `COLUMNS` and come in parts; two ads
    are near-duplicates when their pictures' hashes differ in `distance` bits at most, or their
    folded copy is the same.

    One part after another is read, and no more than `most` are held beside it.
    """
    held: list[Near] = []
    count = 0
    for part in parts:
        found = list(_near(part, of, distance))
        count += len(found)
        held = heapq.nsmallest(most, [*held, *found], key=lambda near: near.rank)
    return Found(held, count)


def _near(rows: Sequence[Row[Any]], of: Content, most: int) -> Iterator[Near]:
    bits = distances([row.phash for row in rows], of.phash)
    for row, apart in zip(rows, bits.tolist(), strict=True):
        other = Content.of(row)
        if other.picture and other.picture == of.picture:
            apart = 0  # even where a hash would mean nothing
        copied = apart <= most and apart < HASH_BITS
        same_copy = bool(of.copy_hash) and other.copy_hash == of.copy_hash
        if copied or same_copy:
            whole = _whole(of, other, copied, same_copy)
            yield Near(row.decision_id, apart if copied else None, same_copy, whole)


def _whole(one: Content, other: Content, copied: bool, same_copy: bool) -> bool:
    without_copy = one.copy_known and other.copy_known and not (one.copy_hash or other.copy_hash)
    pictures = copied or not (one.picture or other.picture)
    return pictures and (same_copy or without_copy)


def distances(hashes: Sequence[str], of: str) -> NDArray[np.int64]:
    """`[len(hashes)]`: bits in which each PDQ hash differs from `of`; all of them where either is
    none."""
    found = np.full(len(hashes), HASH_BITS, np.int64)
    sound = [at for at, one in enumerate(hashes) if len(one) == HASH_BITS // 4]
    if not sound or len(of) != HASH_BITS // 4:
        return found
    packed = np.frombuffer(bytes.fromhex("".join(hashes[at] for at in sound)), np.uint8)
    mine = np.frombuffer(bytes.fromhex(of), np.uint8)
    apart = np.bitwise_count(packed.reshape(len(sound), -1) ^ mine).sum(axis=1)
    found[sound] = apart
    return found
