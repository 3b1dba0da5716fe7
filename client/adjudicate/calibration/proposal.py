"""From collected similarities to proposed thresholds, with what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adjudicate.calibration.choose import Pair, choose
from adjudicate.calibration.collect import Collected
from adjudicate.calibration.estimate import (
    Estimate,
    Share,
    cross_validated,
    examples_for,
    measured,
)
from adjudicate.calibration.scores import OFF, SIGNALS, Scores, Thresholds, gathered

COPY = 0.999
"""Cosine from which an ad repeats an exemplar: it says nothing of new ads."""

Content = dict[str, dict[str, float | None]]
"""Thresholds as a version holds them: by signal and category, and `default` by signal."""


@dataclass(frozen=True)
class Wanted:
    """What the user asked for."""

    recall: float = 0.97
    confidence: float = 0.95
    least: int = 10
    """Examples of a category, and of a signal in it, from which on it is calibrated."""
    near_duplicate: float = 0.97
    """The library's setting of that name."""


@dataclass(frozen=True)
class Proposal:
    """Thresholds for the categories that have enough examples."""

    scores: Scores
    present: Thresholds
    proposed: Thresholds
    pairs: tuple[Pair, ...]
    """Which of the thresholds were chosen; the others are the present ones."""
    now: Estimate
    """What the present thresholds do on these ads."""
    then: Estimate
    """What the proposed ones do on ads that they were not chosen on."""
    content: Content
    warnings: tuple[str, ...]
    notes: Mapping[str, str]
    """By category: why it was not calibrated, or that its examples are few."""
    wanted: Wanted

    def chosen(self, category: int) -> bool:
        """Whether any of the category's thresholds was chosen."""
        return any(place == category for place, _ in self.pairs)

    def metrics(self) -> str:
        """As JSON, for the version's record."""
        names = self.scores.categories
        return json.dumps(
            {
                "target_recall": self.wanted.recall,
                "confidence": self.wanted.confidence,
                "violations": int(self.scores.violating.sum()),
                "compliant": int(self.scores.compliant.sum()),
                "recall": _plain(self.then.recall),
                "false_positives": _plain(self.then.false_positives),
                "recall_by_category": {
                    name: _plain(share)
                    for name, share in zip(names, self.then.by_category, strict=True)
                },
            }
        )


class TooFewExamplesError(ValueError):
    """Nothing can be calibrated on these rows; says what is missing."""


def propose(collected: Collected, base: Content, wanted: Wanted) -> Proposal:
    """Choose thresholds on all rows, and estimate by cross-validation what they promise.

    `base` is what is in force now. A category with fewer violations than `wanted.least` keeps its
    thresholds; so does a signal that fewer of the category's violations, or of the compliant ads,
    have.

    Raises `TooFewExamplesError` when no category is left.
    """
    scores = gathered(
        collected.similarity,
        [one.violating for one in collected.rows],
        [one.category for one in collected.rows],
        collected.categories,
        wanted.near_duplicate,
    )
    present = as_array(base, scores.categories)
    pairs = tuple(_choosable(scores, wanted.least))
    if not pairs:
        raise TooFewExamplesError(
            f"No category has {wanted.least} labelled violations that the library can compare, "
            f"beside {wanted.least} compliant ads: {int(scores.violating.sum())} violations and "
            f"{int(scores.compliant.sum())} compliant ads in all."
        )
    proposed = choose(scores, present, pairs, wanted.recall)
    groups = [one.group for one in collected.rows]
    return Proposal(
        scores=scores,
        present=present,
        proposed=proposed,
        pairs=pairs,
        now=measured(scores, present, wanted.confidence),
        then=cross_validated(
            scores, present, pairs, wanted.recall, wanted.confidence, groups=groups
        ),
        content=_content(base, scores.categories, proposed, pairs),
        warnings=tuple(_warnings(collected, scores, wanted)),
        notes=_notes(scores, pairs, wanted),
        wanted=wanted,
    )


def as_array(content: Content, categories: tuple[str, ...]) -> Thresholds:
    """`[C, S]`: the thresholds of a version's content, its defaults for what it does not name."""
    array = np.full((len(categories), len(SIGNALS)), OFF)
    for at, signal in enumerate(SIGNALS):
        default = content.get("default", {}).get(signal)
        for place, category in enumerate(categories):
            value = content.get(signal, {}).get(category, default)
            array[place, at] = OFF if value is None else value
    return array


def _choosable(scores: Scores, least: int) -> list[Pair]:
    known = np.isfinite(scores.similarity)
    return [
        (category, signal)
        for category in range(len(scores.categories))
        for signal in range(len(SIGNALS))
        if known[scores.of(category), category, signal].sum() >= least
        and known[scores.compliant, category, signal].sum() >= least
    ]


def _content(
    base: Content, categories: tuple[str, ...], proposed: Thresholds, pairs: tuple[Pair, ...]
) -> Content:
    content: Content = {name: dict(base.get(name, {})) for name in (*SIGNALS, "default")}
    for category, signal in pairs:
        value = float(proposed[category, signal])
        content[SIGNALS[signal]][categories[category]] = None if value == OFF else value
    return content


def _warnings(collected: Collected, scores: Scores, wanted: Wanted) -> list[str]:
    enough = examples_for(wanted.recall, wanted.confidence)
    unknown = sorted(
        {one.category for one in collected.rows if one.category} - set(scores.categories)
    )
    said = []
    few = [n for n in map(scores.of, range(len(scores.categories))) if 0 < n.sum() < enough]
    if few:
        said.append(
            f"{len(few)} categories have fewer than {enough} examples: with so few the lower bound "
            f"stays below {wanted.recall:g} at {wanted.confidence:.0%}, even if none is missed."
        )
    if unknown:
        said.append(
            f"The library has no violation of {', '.join(unknown)}: their ads can only be caught "
            "by other categories. Add exemplars."
        )
    same = scores.similarity[:, :, [SIGNALS.index("image"), SIGNALS.index("text")]]
    copies = int(((same >= COPY).any(axis=(1, 2)) & scores.violating).sum())
    if copies:
        said.append(
            f"{copies} of {int(scores.violating.sum())} violations repeat an exemplar's picture or "
            "text: they are caught anyway, so the recall of new ads is lower than it looks."
        )
    return said


def _notes(scores: Scores, pairs: tuple[Pair, ...], wanted: Wanted) -> dict[str, str]:
    enough = examples_for(wanted.recall, wanted.confidence)
    notes = {}
    for place, name in enumerate(scores.categories):
        count = int(scores.of(place).sum())
        if not any(category == place for category, _ in pairs):
            notes[name] = f"kept: {count} examples, {wanted.least} are needed"
        elif count < enough:
            notes[name] = f"few: {enough} bound {wanted.recall:g}"
    return notes


def _plain(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "total": share.total,
        "low": round(share.low, 4),
        "high": round(share.high, 4),
    }
