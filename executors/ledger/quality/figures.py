"""The ledger's part of the figures on quality, from its counts and from people's verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from docarray import DocList

from adjudicate.documents import Proportion, Quality
from executors.ledger.quality.tally import Counts, Tally
from executors.ledger.quality.verdicts import Verdicts
from executors.shared.quality.intervals import Interval, Stratum, clopper_pearson, stratified
from executors.shared.quality.refreshing import Refreshing
from executors.shared.quality.windows import window_hours
from executors.shared.settings import QualitySettings

ALL = "all"
"""The `rule` of the metric that stands for any."""

_SMALL_SAMPLE = 100
"""Audited ads below which the figure on misses says so."""

ByKind = Mapping[tuple[str, str], int]
"""Counts by what was counted and of what."""


class Figures:
    """Counts decisions, and says what the counts mean.

    All but `tally` blocks for the database: call it from a thread.
    """

    def __init__(
        self, tally: Tally, counts: Counts, verdicts: Verdicts, settings: QualitySettings
    ) -> None:
        self.tally = tally
        self._counts = counts
        self._verdicts = verdicts
        self._settings = settings
        self._latest: Refreshing[Quality | None] = Refreshing(
            "quality", self._refreshed, settings.refresh_s, None
        )
        self._latest.start()

    def fill(self, quality: Quality) -> None:
        """Write what is known of the document's window on it.

        Raises `AdError` `invalid_field` for a window that cannot be.
        """
        quality.hours = window_hours(quality.hours, self._settings.window_h)
        if quality.hours == self._settings.window_h:
            self._latest.now()
        else:
            self.write()
        self._fill(quality)

    def write(self) -> None:
        """Write what was counted so far."""
        counted = self.tally.take()
        try:
            self._counts.add(counted)
        except BaseException:
            self.tally.put_back(counted)
            raise

    def rates(self) -> list[tuple[float, dict[str, str]]]:
        """The latest positive rates, for the metrics."""
        latest = self._latest.found
        return [
            (rate.share, {"rule": rate.name or ALL})
            for rate in (latest.positive if latest else ())
            if rate.share is not None
        ]

    def misses(self) -> list[tuple[float, dict[str, str]]]:
        """The latest share that the screen misses, with its bounds, for the metrics."""
        latest = self._latest.found
        return _bounds(latest.screen_miss if latest else None)

    def agreed(self) -> list[tuple[float, dict[str, str]]]:
        """The latest share of all decisions that people upheld, with its bounds."""
        latest = self._latest.found
        return _bounds(latest.agreement[0] if latest and len(latest.agreement) else None)

    def close(self) -> None:
        """End the thread, and write the last counts. Raises what the database raises."""
        self._latest.close()
        self.write()

    def _refreshed(self) -> Quality:
        self.write()
        quality = Quality(hours=self._settings.window_h)
        self._fill(quality)
        return quality

    def _fill(self, quality: Quality) -> None:
        begin = datetime.now(UTC) - timedelta(hours=quality.hours)
        quality.since = quality.since or begin.isoformat(timespec="milliseconds")
        counts = self._counts.since(quality.since)
        confidence = self._settings.confidence
        quality.positive = DocList[Proportion](positive_rates(counts, confidence))
        quality.screen_miss = screen_miss(counts, confidence)
        quality.passed = _total(counts, "passed")
        quality.unjudged = _total(counts, "unjudged")
        said = self._verdicts.since(quality.since)
        quality.agreement = DocList[Proportion](agreement(said, confidence))
        quality.notes = [*quality.notes, *_notes(quality)]


def positive_rates(counts: ByKind, confidence: float) -> list[Proportion]:
    """Of the flagged ads that were judged, those with a violation: of any rule (the empty name),
    then of each rule, the most frequent first."""
    judged = counts.get(("judged", ""), 0)
    found = {of: count for (counted, of), count in counts.items() if counted == "positive"}
    rules = sorted((rule for rule in found if rule), key=lambda rule: (-found[rule], rule))
    return [
        _proportion(rule, found.get(rule, 0), judged, confidence)
        for rule in (("", *rules) if judged else ())
    ]


def screen_miss(counts: ByKind, confidence: float) -> Proportion:
    """Of the ads that passed the screen, those that break a rule, as far as the audit sample and
    the judge can tell. Each share that was audited in the window is a stratum of its own."""
    strata = [
        Stratum(passed, counts.get(("audited", share), 0), counts.get(("missed", share), 0))
        for (counted, share), passed in counts.items()
        if counted == "passed"
    ]
    found = stratified(strata, confidence)
    return _made("", _total(counts, "missed"), _total(counts, "audited"), found)


def agreement(said: ByKind, confidence: float) -> list[Proportion]:
    """Of the decisions with a person's verdict, those upheld: all (the empty name), and by
    outcome."""
    outcomes = sorted({outcome for outcome, _ in said})
    found = []
    for name in ("", *outcomes) if said else ():
        chosen = {key: count for key, count in said.items() if name in ("", key[0])}
        upheld = sum(count for (_, verdict), count in chosen.items() if verdict == "upheld")
        found.append(_proportion(name, upheld, sum(chosen.values()), confidence))
    return found


def _proportion(name: str, count: int, total: int, confidence: float) -> Proportion:
    return _made(name, count, total, clopper_pearson(count, total, confidence))


def _made(name: str, count: int, total: int, found: Interval) -> Proportion:
    share = None if math.isnan(found.value) else found.value
    return Proportion(
        name=name, count=count, total=total, share=share, low=found.low, high=found.high
    )


def _total(counts: ByKind, counted: str) -> int:
    return sum(count for (kind, _), count in counts.items() if kind == counted)


def _notes(quality: Quality) -> list[str]:
    missed = quality.screen_miss
    if missed is None or not quality.passed:
        return []
    if not missed.total:
        return ["No ad of the audit sample was judged: what the screen misses is not known."]
    if missed.total < _SMALL_SAMPLE:
        return [f"The audit sample has {missed.total} ads: the bounds say how little that is."]
    return []


def _bounds(found: Proportion | None) -> list[tuple[float, dict[str, str]]]:
    if found is None or found.share is None:
        return []
    bounds = {"estimate": found.share, "low": found.low, "high": found.high}
    return [(value, {"bound": bound}) for bound, value in bounds.items()]
