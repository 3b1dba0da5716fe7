"""What an ad resembles, as its case carries it: the evidence that people see."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adjudicate.documents import Match
from executors.library.likeness import Copy, Likeness, threshold
from executors.library.terms import Found
from executors.library.thresholds import Thresholds
from executors.shared.perceptual_hash import HASH_BITS


def as_match(likeness: Likeness, thresholds: Thresholds) -> Match:
    """An exemplar that is like the ad in one signal."""
    signal, entry, _ = likeness
    counts_from = threshold(thresholds, signal, entry.category)
    return Match(
        exemplar_id=entry.id,
        category=entry.category,
        rule=entry.rule,
        polarity=entry.polarity,
        severity=entry.severity,
        similarity=min(likeness.similarity, 1.0),
        signal=signal,
        # JSON has no infinity: 0 for a signal that is off.
        threshold=counts_from if math.isfinite(counts_from) else 0.0,
    )


def copy_match(copy: Copy, hash_distance: int) -> Match:
    """An exemplar whose picture was copied."""
    entry = copy.likeness.entry
    return Match(
        exemplar_id=entry.id,
        category=entry.category,
        rule=entry.rule,
        polarity=entry.polarity,
        severity=entry.severity,
        similarity=1 - copy.distance / HASH_BITS,
        signal="hash",
        threshold=1 - hash_distance / HASH_BITS,
    )


def term_match(found: Found) -> Match:
    """A rule whose term stands in the copy. It is there or not: both numbers are 1."""
    return Match(
        exemplar_id="",
        rule=found.rule.code,
        severity=found.rule.severity,
        similarity=1.0,
        signal="term",
        threshold=1.0,
        matched=found.quote,
    )


def best(matches: Sequence[Match], limit: int) -> tuple[Match, ...]:
    """The first `limit` in their order, but the best violation of each signal before all others:
    a crowd of one signal does not hide what another one found."""
    first = {match.signal: at for at, match in reversed([*enumerate(matches)]) if _violates(match)}
    kept = sorted(first.values())
    kept += [at for at in range(len(matches)) if at not in first.values()]
    return tuple(matches[at] for at in sorted(kept[:limit]))


def _violates(match: Match) -> bool:
    return match.polarity == "violation"
