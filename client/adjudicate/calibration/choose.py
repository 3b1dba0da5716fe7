"""Thresholds that catch a wanted share of the violations at few false positives.

An ad is caught when any signal of any category fires, so the thresholds are chosen together:

1. **Cover**, the greedy rule of weighted set cover (Chvátal, 1979). All signals start off. Again
   and again the one lowering is taken that newly catches the most violations of its own category
   per compliant ad that it newly flags, until each category has its wanted share. A violation that
   another category's threshold catches counts as caught.
2. **Prune.** A threshold is raised, or its signal turned off, where that frees compliant ads and
   leaves every category its share: what one signal catches, another need not.
3. **Margin.** Each threshold moves half-way down to the nearest compliant ad that is not flagged:
   the same ads are flagged, and a violation a little less alike than the ones seen still is.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from adjudicate.calibration.scores import OFF, Mask, Scores, Thresholds

UNSEEN = 0.5
"""What a lowering costs beyond the compliant ads that it flags: none seen is not none at all."""

_DECIMALS = 10_000

Pair = tuple[int, int]
"""Category and signal."""


def needed(count: int, recall: float) -> int:
    """How many of `count` violations must be caught for this recall."""
    return math.ceil(recall * count - 1e-9)


def choose(
    scores: Scores, present: Thresholds, chosen: Collection[Pair], recall: float
) -> Thresholds:
    """Thresholds `[C, S]`: new ones for the pairs `chosen`, the `present` for the others.

    Of each category that has a chosen pair, and of the violations without a known category, the
    share `recall` is caught on these very ads, unless even the lowest thresholds cannot. What that
    promises of other ads is for `estimate` to say.
    """
    thresholds = present.copy()
    for pair in chosen:
        thresholds[pair] = OFF
    search = _Search(scores, thresholds, sorted(chosen), recall)
    search.cover()
    search.prune()
    search.widen()
    return search.thresholds


class _Search:
    def __init__(
        self, scores: Scores, thresholds: Thresholds, chosen: list[Pair], recall: float
    ) -> None:
        self.thresholds = thresholds
        self._scores = scores
        self._pairs = chosen
        categories = dict.fromkeys(category for category, _ in chosen)
        groups = {category: scores.of(category) for category in (*categories, -1)}
        self._groups = {name: members for name, members in groups.items() if members.any()}
        self._needed = {
            name: needed(int(members.sum()), recall) for name, members in self._groups.items()
        }

    def cover(self) -> None:
        """Lower thresholds until every group has its share, or nothing more can be caught."""
        while True:
            caught = self._scores.caught(self.thresholds)
            short = [
                name for name in self._groups if self._count(name, caught) < self._needed[name]
            ]
            steps = [step for pair in self._pairs if (step := self._lowering(pair, caught, short))]
            if not steps:
                return
            _, level, (category, signal) = max(steps)
            self.thresholds[category, signal] = level

    def prune(self) -> None:
        """Raise thresholds as long as that frees a compliant ad and every group keeps its share."""
        while True:
            raises = [best for pair in self._pairs if (best := self._raising(pair))]
            if not raises:
                return
            _, _, level, (category, signal) = max(raises)
            self.thresholds[category, signal] = level

    def widen(self) -> None:
        """Move each threshold half-way down to the next compliant ad that is not flagged."""
        for category, signal in self._pairs:
            level = self.thresholds[category, signal]
            if level == OFF:
                continue
            passed = self._scores.compliant & ~self._scores.caught(self.thresholds)
            below = self._scores.similarity[passed, category, signal]
            below = below[below < level]
            nearest = float(below.max()) if np.isfinite(below).any() else float(level)
            if 0 < nearest < level:
                self.thresholds[category, signal] = _rounded((level + nearest) / 2, above=nearest)

    def _count(self, group: int, caught: Mask) -> int:
        return int((self._groups[group] & caught).sum())

    def _lowering(
        self, pair: Pair, caught: Mask, short: list[int]
    ) -> tuple[float, float, Pair] | None:
        """The best lowering of one threshold: violations gained per compliant ad flagged."""
        category, signal = pair
        wanted = np.zeros(len(self._scores), dtype=bool)
        for group in short:
            if group in (category, -1):
                wanted |= self._groups[group]
        values = self._scores.similarity[:, category, signal]
        open_ads = ~caught & np.isfinite(values)
        levels = np.unique(values[wanted & open_ads])[::-1]
        if not len(levels):
            return None
        gained = _at_or_above(values[wanted & open_ads], levels)
        flagged = _at_or_above(values[self._scores.compliant & open_ads], levels)
        worth = gained / (flagged + UNSEEN)
        best = int(np.argmax(worth))
        return float(worth[best]), float(levels[best]), pair

    def _raising(self, pair: Pair) -> tuple[int, float, float, Pair] | None:
        """The raise of one threshold that frees the most compliant ads; the smallest such."""
        category, signal = pair
        if self.thresholds[category, signal] == OFF:
            return None
        without = self.thresholds.copy()
        without[category, signal] = OFF
        caught = self._scores.caught(without)
        values = self._scores.similarity[:, category, signal]
        alone = ~caught & (values >= self.thresholds[category, signal])
        best: tuple[int, float, float, Pair] | None = None
        for level in self._levels(values, alone, caught):
            freed = int((alone & self._scores.compliant & (values < level)).sum())
            if freed and (best is None or freed > best[0]):
                best = freed, -level, level, pair
        return best

    def _levels(self, values: NDArray[np.float64], alone: Mask, caught: Mask) -> Iterator[float]:
        """Levels from the lowest up at which every group still has its share; `OFF` at the end."""
        spare = {
            name: self._count(name, caught | alone) - self._needed[name] for name in self._groups
        }
        held = sorted(
            (float(values[ad]), name)
            for name, members in self._groups.items()
            for ad in np.flatnonzero(alone & members)
        )
        for value, name in held:
            # Everything below `value` is given up, this one not yet.
            yield value
            spare[name] -= 1
            if spare[name] < 0:
                return
        yield OFF


def _at_or_above(values: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each level, how many values reach it."""
    return len(values) - np.searchsorted(np.sort(values), levels, side="left")


def _rounded(value: float, above: float) -> float:
    """Down to four decimals, unless that would reach `above`."""
    down = math.floor(value * _DECIMALS) / _DECIMALS
    return down if down > above else value
