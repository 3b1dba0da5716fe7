"""Which ads a temperature is fitted on, and which ones it is measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from executors.judge.calibration.measures import Truth


def joined(marks: Sequence[Sequence[str]]) -> list[str]:
    """Return a name per ad, the same for ads that share a mark, or are joined by others that do."""
    parent: dict[str, str] = {}

    def root(mark: str) -> str:
        parent.setdefault(mark, mark)
        while parent[mark] != mark:
            parent[mark] = mark = parent[parent[mark]]
        return mark

    for several in marks:
        for mark in several[1:]:
            parent[root(mark)] = root(several[0])
    return [root(several[0]) for several in marks]


def held_out(groups: Sequence[str], truth: Truth, share: float, seed: int) -> Truth:
    """Return `[N]`, true for the ads that are measured on: about `share` of each class.

    A group stays together, so that no ad is measured on whose like was fitted on.
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    out = np.zeros(len(names), dtype=bool)
    wanted = {bad: share * int((truth == bad).sum()) for bad in (True, False)}
    taken = {True: 0, False: 0}
    for name in order:
        ads = truth[place == name]
        bad = bool(ads.mean() >= 0.5)
        if taken[bad] + len(ads) / 2 <= wanted[bad]:
            out[name] = True
            taken[True] += int(ads.sum())
            taken[False] += int((~ads).sum())
    return np.asarray(out[place])
