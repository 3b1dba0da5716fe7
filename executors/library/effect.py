"""What another threshold would have done to the sampled ads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from adjudicate.documents import ThresholdEffect
from adjudicate.errors import AdError, Code
from executors.library.checks import check_words
from executors.library.quality.samples import Sample
from executors.library.thresholds import OFF, Signal, Thresholds
from executors.shared.quality.notes import note

HOURS = 720.0


def check_effect(asked: ThresholdEffect) -> None:
    """Raises `AdError` `invalid_field` for what is no signal, no category or no cosine."""
    known = get_args(Signal)
    if asked.signal not in known:
        raise AdError(Code.INVALID_FIELD, f"signal must be one of {', '.join(known)}")
    check_words("category", asked.category)
    if not asked.category.strip():
        raise AdError(Code.INVALID_FIELD, "category must not be empty")
    if asked.threshold is not None and not 0 < asked.threshold <= 1:
        raise AdError(Code.INVALID_FIELD, "threshold must be above 0 and at most 1")


def fill_sampled(asked: ThresholdEffect, active: Thresholds, samples: Sequence[Sample]) -> None:
    """Write the threshold in force on the document, and how many of the sampled ads would reach
    some threshold now and with the candidate. Look-alikes and the policy's terms have no part."""
    signal: Signal = asked.signal  # type: ignore[assignment]
    now = active.of(signal, asked.category)
    asked.current = None if now == OFF else now
    then = candidate(active, signal, asked.category, asked.threshold)
    measured = [sample for sample in samples if sample.categories is not None]
    asked.sampled = len(measured)
    asked.sampled_now = sum(_reaches(sample, active) for sample in measured)
    asked.sampled_then = sum(_reaches(sample, then) for sample in measured)
    if asked.threshold is not None and then.of(signal, asked.category) != asked.threshold:
        limit = then.of(signal, asked.category)
        asked.notes.append(note("match_limit", limit=f"{limit:g}"))
        asked.threshold = limit
    if asked.threshold is None:
        asked.threshold = asked.current
    if not measured:
        asked.notes.append(note("none_sampled"))


def candidate(
    active: Thresholds, signal: Signal, category: str, threshold: float | None
) -> Thresholds:
    """The thresholds in force with another one for this category in this signal."""
    if threshold is None:
        return active
    own = {**active.by_category.get(signal, {}), category: threshold}
    return replace(active, by_category={**active.by_category, signal: own})


def _reaches(sample: Sample, thresholds: Thresholds) -> bool:
    return any(
        cosine >= thresholds.of(signal, category)
        for signal, cosines in (sample.categories or {}).items()
        for category, cosine in cosines.items()
    )
