"""What the exemplars that an ad resembles mean for it. Pure functions; no state, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from adjudicate.documents import Match
from executors.library.store import Entry
from executors.library.thresholds import Signal, Thresholds
from executors.shared.settings import LibrarySettings

LOOKALIKE_MARGIN = 0.02
"""Cosine by which a look-alike must be nearer than every violation to answer for the match."""

HASH_BITS = 256

SIGNALS: tuple[Signal, ...] = ("image", "text")

NearDuplicate = Literal["", "hash", "similarity"]


class Likeness(NamedTuple):
    """An exemplar and its cosine with the ad, at or above the exemplar's threshold."""

    entry: Entry
    similarity: float

    @property
    def violates(self) -> bool:
        return self.entry.polarity == "violation"


@dataclass(frozen=True)
class Screening:
    """What the library says of one ad."""

    matches: tuple[Match, ...] = ()
    flagged: bool = False
    near_duplicate: NearDuplicate = ""
    reasons: tuple[str, ...] = ()


def screen(
    found: Mapping[Signal, Sequence[Likeness]],
    phash: str,
    thresholds: Thresholds,
    settings: LibrarySettings,
) -> Screening:
    """Judge the exemplars found per signal, best first.

    A copy of a violation's picture is a near-duplicate by hash: it is not flagged, since it needs
    no judge. What is nearly a violation, in picture or copy, is flagged as a near-duplicate by
    similarity. Otherwise a match flags the ad, unless in each signal that matches a look-alike is
    the better match by a clear margin: a harmless picture does not answer for a harmful text.
    """
    near = _near_duplicate(found, phash, settings)
    excused = tuple(signal for signal in SIGNALS if not near and _excused(found.get(signal, ())))
    flagging = [
        (signal, likeness)
        for signal in SIGNALS
        if signal not in excused
        for likeness in found.get(signal, ())
        if likeness.violates
    ]
    flagging.sort(key=lambda pair: -pair[1].similarity)
    reasons = [f"near_duplicate:{near}"] if near else []
    reasons += [f"{signal}:{likeness.entry.category}" for signal, likeness in flagging]
    reasons += ["lookalike"] if excused else []
    copies = _copies(found, phash, settings)
    copied = {copy.entry.id for copy in copies}
    matches = [_copy_match(copy, phash, thresholds) for copy in copies] + [
        as_match(signal, likeness, thresholds)
        for signal in SIGNALS
        for likeness in found.get(signal, ())
        if signal != "image" or likeness.entry.id not in copied
    ]
    return Screening(
        matches=_best(matches, settings.max_matches),
        flagged=bool(flagging) and near != "hash",
        near_duplicate=near,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def as_match(signal: Signal, likeness: Likeness, thresholds: Thresholds) -> Match:
    """The likeness as a case carries it."""
    entry = likeness.entry
    return Match(
        exemplar_id=entry.id,
        category=entry.category,
        rule=entry.rule,
        polarity=entry.polarity,
        similarity=min(likeness.similarity, 1.0),
        signal=signal,
        threshold=thresholds.of(signal, entry.category),
    )


def in_audit_sample(content_hash: str, seed: int, share: float) -> bool:
    """Whether content belongs to the seeded share: the same content always or never does."""
    digest = hashlib.sha256(f"{seed}:{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def hash_distance(one: str, other: str) -> int:
    """Bits in which two perceptual hashes (hex) differ; all of them when either is not one."""
    if len(one) != len(other) or len(one) * 4 != HASH_BITS:
        return HASH_BITS
    try:
        return (int(one, 16) ^ int(other, 16)).bit_count()
    except ValueError:
        return HASH_BITS


def _near_duplicate(
    found: Mapping[Signal, Sequence[Likeness]], phash: str, settings: LibrarySettings
) -> NearDuplicate:
    copies = _copies(found, phash, settings)
    if any(copy.violates for copy in copies):
        # When a known-good picture is as near as the violation, the hash cannot tell which of
        # them this is a copy of; then it is for the judge, and cannot be approved.
        nearest = min(copies, key=lambda copy: _copy_order(copy, phash))
        return "hash" if nearest.violates else "similarity"
    almost = any(
        likeness.violates and likeness.similarity >= settings.near_duplicate
        for signal in SIGNALS
        for likeness in found.get(signal, ())
    )
    return "similarity" if almost else ""


def _copies(
    found: Mapping[Signal, Sequence[Likeness]], phash: str, settings: LibrarySettings
) -> list[Likeness]:
    return [
        likeness
        for likeness in found.get("image", ())
        if likeness.similarity >= settings.near_duplicate
        and hash_distance(phash, likeness.entry.phash) <= settings.hash_distance
    ]


def _copy_order(copy: Likeness, phash: str) -> tuple[int, bool]:
    return hash_distance(phash, copy.entry.phash), copy.violates


def _excused(likenesses: Sequence[Likeness]) -> bool:
    violation = max((known.similarity for known in likenesses if known.violates), default=None)
    harmless = max((known.similarity for known in likenesses if not known.violates), default=None)
    if violation is None or harmless is None:
        return False
    return harmless - violation >= LOOKALIKE_MARGIN


def _copy_match(copy: Likeness, phash: str, thresholds: Thresholds) -> Match:
    match = as_match("image", copy, thresholds)
    match.signal = "hash"
    match.similarity = 1 - hash_distance(phash, copy.entry.phash) / HASH_BITS
    return match


def _best(matches: list[Match], limit: int) -> tuple[Match, ...]:
    """The first `limit`, copies before all others, with a violation among them if there is one."""
    matches.sort(key=lambda match: (match.signal != "hash", -match.similarity))
    kept = matches[:limit]
    violation = next((match for match in matches if match.polarity == "violation"), None)
    if violation is not None and violation not in kept:
        kept[-1] = violation
    return tuple(kept)
