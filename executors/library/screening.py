"""What the exemplars and terms that an ad holds mean for it. Pure functions; no state, no clock.

docs/screening.md has the rules as a table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from adjudicate.documents import Match
from executors.library.likeness import Copy, Likeness, Likenesses, by_margin
from executors.library.matches import as_match, best, copy_match, term_match
from executors.library.terms import Found
from executors.library.thresholds import SIGNALS, Signal, Thresholds
from executors.shared.perceptual_hash import HASH_BITS, hash_distance
from executors.shared.settings import LibrarySettings

NearDuplicate = Literal["", "hash", "similarity"]

SAME_MODALITY: tuple[Signal, ...] = ("image", "text")
"""Only between two pictures, or two texts, does a cosine near 1 mean almost the same."""


@dataclass(frozen=True)
class Screening:
    """What the library says of one ad."""

    matches: tuple[Match, ...] = ()
    flagged: bool = False
    near_duplicate: NearDuplicate = ""
    reasons: tuple[str, ...] = ()


def screen(
    found: Likenesses,
    terms: Sequence[Found],
    phash: str,
    thresholds: Thresholds,
    settings: LibrarySettings,
    in_force: Container[str] | None = None,
) -> Screening:
    """Judge the exemplars at their thresholds, per signal, and the policy's terms in the copy.

    A copy of a violation's picture is a near-duplicate by hash: it is not flagged, since it needs
    no judge. What is nearly a violation, in picture or copy, is flagged as a near-duplicate by
    similarity. Otherwise a match flags the ad, unless in its signal a look-alike is the better
    match by a clear margin: a harmless picture does not answer for a harmful text, and nothing
    answers for a term.

    `in_force` are the codes of the rules that are; None: all. A violation of another rule flags
    the ad for the judge like any, but is no verdict: its copies and near-duplicates are none, and
    its match names no rule.
    """
    binding = _binding(found, in_force)
    copies = _copies(binding, phash, settings)
    near = _near_duplicate(binding, copies, settings)
    excused = {
        signal
        for signal in SIGNALS
        if not near and _excused(found.get(signal, ()), settings.lookalike_margin)
    }
    ordered = by_margin(chain.from_iterable(found.values()), thresholds)
    flagging = [one for one in ordered if one.violates and one.signal not in excused]
    others = [one for one in ordered if not one.violates or one.signal in excused]
    reasons = [
        *([f"near_duplicate:{near}"] if near else []),
        *(f"{likeness.signal}:{likeness.entry.category}" for likeness in flagging),
        *(f"term:{term.rule.code}" for term in terms),
        *(["lookalike"] if excused else []),
    ]
    copied = {copy.likeness.entry.id for copy in copies}
    matches = [
        *(copy_match(copy, settings.hash_distance) for copy in copies),
        *(as_match(one, thresholds) for one in flagging if not _shown_as_copy(one, copied)),
        *map(term_match, terms),
        *(as_match(one, thresholds) for one in others if not _shown_as_copy(one, copied)),
    ]
    for match in matches:
        if in_force is not None and match.rule not in in_force:
            match.rule = ""
    return Screening(
        matches=best(matches, settings.max_matches),
        flagged=bool(flagging or terms) and near != "hash",
        near_duplicate=near,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def in_audit_sample(content_hash: str, seed: int, share: float) -> bool:
    """Whether content belongs to the seeded share: the same content always or never does."""
    digest = hashlib.sha256(f"{seed}:{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _binding(found: Likenesses, in_force: Container[str] | None) -> Likenesses:
    """Of what was found, what can decide: not the violations of rules that are not in force."""
    if in_force is None:
        return found
    return {
        signal: [one for one in likenesses if not one.violates or one.entry.rule in in_force]
        for signal, likenesses in found.items()
    }


def _copies(found: Likenesses, phash: str, settings: LibrarySettings) -> list[Copy]:
    """The pictures that this one is a copy of, the nearest first; a look-alike before a violation
    that is as near."""
    copies = [
        Copy(likeness, distance)
        for likeness in found.get("image", ())
        if likeness.similarity >= settings.near_duplicate
        and (distance := hash_distance(phash, likeness.entry.phash)) <= settings.hash_distance
        and distance < HASH_BITS
    ]
    return sorted(copies, key=lambda copy: (copy.distance, copy.likeness.violates))


def _near_duplicate(
    found: Likenesses, copies: Sequence[Copy], settings: LibrarySettings
) -> NearDuplicate:
    if any(copy.likeness.violates for copy in copies):
        # When a known-good picture is as near as the violation, the hash cannot tell which of
        # them this is a copy of; then it is for the judge, and cannot be approved.
        return "hash" if copies[0].likeness.violates else "similarity"
    almost = any(
        likeness.violates and likeness.similarity >= settings.near_duplicate
        for signal in SAME_MODALITY
        for likeness in found.get(signal, ())
    )
    return "similarity" if almost else ""


def _excused(likenesses: Sequence[Likeness], lead: float) -> bool:
    """Whether the best look-alike leads every violation by this much."""
    violation = max((known.similarity for known in likenesses if known.violates), default=None)
    harmless = max((known.similarity for known in likenesses if not known.violates), default=None)
    if violation is None or harmless is None:
        return False
    return harmless - violation >= lead


def _shown_as_copy(likeness: Likeness, copied: set[str]) -> bool:
    return likeness.signal == "image" and likeness.entry.id in copied
