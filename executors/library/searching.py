"""The exemplars that ads resemble: each signal's search, for all ads of one encoder together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from adjudicate.documents import Case
from executors.library.index import Floors, Hit, Snapshot, Vectors
from executors.library.likeness import Likeness, threshold
from executors.library.thresholds import SIGNALS, Signal, Thresholds
from executors.library.thresholds_in_force import InForce

Found = dict[Signal, list[Likeness]]

_KEPT = 4
"""Encoder versions whose floors are kept; more than are served at once."""


class _Kept(NamedTuple):
    snapshot: Snapshot
    in_force: InForce
    floors: dict[Signal, Floors]


class Searcher:
    """Searches snapshots, keeping what only changes with the library or the thresholds."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def alike(self, snapshot: Snapshot, cases: Sequence[Case], in_force: InForce) -> list[Found]:
        """For each case every exemplar at or above its threshold, active or shadow, per signal."""
        floors = self._floors(snapshot, in_force)
        return _search(
            snapshot,
            cases,
            [signal for signal in SIGNALS if np.isfinite(floors[signal]).any()],
            lambda signal, ads: snapshot.search(signal, ads, floors[signal]),
        )

    def nearest(
        self, snapshot: Snapshot, cases: Sequence[Case], in_force: InForce, limit: int
    ) -> list[Found]:
        """For each case the `limit` most similar exemplars of each signal that is in use."""
        floors = self._floors(snapshot, in_force)
        return _search(
            snapshot,
            cases,
            [signal for signal in SIGNALS if np.isfinite(floors[signal]).any()],
            lambda signal, ads: snapshot.nearest(signal, ads, limit),
        )

    def _floors(self, snapshot: Snapshot, in_force: InForce) -> dict[Signal, Floors]:
        kept = self._kept.get(snapshot.encoder_version)
        if kept is None or kept.snapshot is not snapshot or kept.in_force != in_force:
            floors = {signal: _floors_of(snapshot, signal, in_force) for signal in SIGNALS}
            kept = _Kept(snapshot, in_force, floors)
            # A new dict: other threads may be reading the old one.
            others = [item for item in self._kept.items() if item[0] != snapshot.encoder_version]
            self._kept = dict([*others[1 - _KEPT :], (snapshot.encoder_version, kept)])
        return kept.floors


def _floors_of(snapshot: Snapshot, signal: Signal, in_force: InForce) -> Floors:
    """`[P] float64`: the lower of both thresholds, so that one search serves both."""
    watched: list[Thresholds] = [each for each in in_force if each is not None]
    return snapshot.floors(
        lambda category: min(threshold(each, signal, category) for each in watched)
    )


def _search(
    snapshot: Snapshot,
    cases: Sequence[Case],
    signals: Sequence[Signal],
    search: Callable[[Signal, Sequence[Vectors]], list[list[Hit]]],
) -> list[Found]:
    found: list[Found] = [{signal: [] for signal in SIGNALS} for _ in cases]
    for signal in signals:
        ads = [
            (at, vectors)
            for at, case in enumerate(cases)
            if (vectors := _vectors(case, signal)) is not None
        ]
        if not ads:
            continue
        hits_of = search(signal, [vectors for _, vectors in ads])
        for (at, _), hits in zip(ads, hits_of, strict=True):
            found[at][signal] = [
                Likeness(signal, snapshot.entries[place], cosine) for place, cosine in hits
            ]
    return found


def _vectors(case: Case, signal: Signal) -> Vectors | None:
    """`[W, D]`: what of the ad is compared in this signal."""
    embedding = case.text_embedding if signal == "text" else case.image_embedding
    return None if embedding is None else np.atleast_2d(np.asarray(embedding, np.float32))
