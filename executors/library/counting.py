"""What the screen found, and what it searches, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adjudicate.documents import Case
from executors.library.index import FollowingIndex
from executors.library.store import ExemplarStore
from executors.library.thresholds_in_force import ThresholdsInForce
from executors.shared.policies import Policies
from executors.shared.telemetry.catalogue import (
    EXEMPLARS,
    FLAGGED,
    LIBRARY_VERSION,
    SCREENED,
    SEARCH_RECALL,
    VERSION,
)
from executors.shared.telemetry.instruments import Observed, Recording, versions
from executors.shared.telemetry.metrics import Metrics

AUDIT = "audit"
POLARITIES = ("violation", "lookalike")


def count_screened(cases: Sequence[Case]) -> None:
    """Count cases that were screened, and the signals of those that need more than a glance."""
    if not Recording.on:
        return
    screened = [case for case in cases if case.problem is None]
    SCREENED.add(len(screened))
    signals: Counter[str] = Counter()
    for case in screened:
        if case.flagged or case.near_duplicate:
            signals.update(signals_of(case))
    for signal, ads in signals.items():
        FLAGGED.add(ads, {"signal": signal})


def signals_of(case: Case) -> set[str]:
    """Which signals flagged it: its reasons are `image:<category>`, `term:<rule>` and the like, and
    `near_duplicate:hash` for a copy, which the judge need not see."""
    if case.audit:
        return {AUDIT}
    heads = {reason.partition(":")[0] for reason in case.reasons}
    found = heads & {"image", "text", "image-text", "term"}
    return found | {"hash"} if case.near_duplicate == "hash" else found


class LibraryGauges:
    """What the library holds, asked of it whenever somebody looks."""

    def __init__(
        self,
        store: ExemplarStore,
        index: FollowingIndex,
        in_force: ThresholdsInForce,
        policies: Policies,
    ) -> None:
        self._store = store
        self._index = index
        self._in_force = in_force
        self._policies = policies
        self._counted: tuple[int, dict[str, int]] = (-1, {})

    def watch(self, metrics: Metrics) -> None:
        """Have the gauges say it, until these metrics close."""
        SCREENED.begin()
        FLAGGED.begin()
        metrics.watch(EXEMPLARS, self._exemplars)
        metrics.watch(LIBRARY_VERSION, lambda: [(self._store.version(), {})])
        metrics.watch(SEARCH_RECALL, self._recall)
        metrics.watch(VERSION, self._versions)

    def _exemplars(self) -> Observed:
        version = self._store.version()
        if self._counted[0] != version:  # a large table takes a while to count
            self._counted = (version, self._store.polarities())
        counts = self._counted[1]
        return [(counts.get(polarity, 0), {"polarity": polarity}) for polarity in POLARITIES]

    def _recall(self) -> Observed:
        """Of an exact index 1: it cannot miss. Of another one nothing before the first audit."""
        snapshots = self._index.loaded()
        facts = [snapshot.facts() for snapshot in snapshots]
        expected = sum(each.get("audit_expected", 0) for each in facts)
        if expected:
            return [(sum(each.get("audit_found", 0) for each in facts) / expected, {})]
        exact = bool(snapshots) and all(snapshot.kind == "exact" for snapshot in snapshots)
        return [(1.0, {})] if exact else []

    def _versions(self) -> Observed:
        loaded = self._index.loaded()
        encoder = loaded[-1].encoder_version if loaded else ""
        return versions(
            encoder=encoder,
            thresholds=self._in_force.current(encoder).active.version,
            policy=self._policies.current.version,
        )
