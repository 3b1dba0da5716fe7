"""What another threshold would do to ads that people answered, and to what was flagged lately."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from docarray import DocList
from sqlalchemy import Connection, Engine, select

from adjudicate.documents import Note, ThresholdEffect, ThresholdPoint
from executors.ledger.store import DECISIONS, EVIDENCE, RULINGS
from executors.shared.quality.intervals import clopper_pearson
from executors.shared.quality.notes import note
from executors.shared.quality.windows import window_hours

HOURS = 720.0
MOST_POINTS = 200
MOST_ANSWERED = 20_000
MOST_FLAGGED = 5_000
_AT_ONCE = 1_000
_SMALL = 30
"""Answers below which the figures say how few that is."""


class Answered(NamedTuple):
    """An ad that people answered, by its highest cosine with a violation of the category."""

    cosine: float
    violation: bool


@dataclass(frozen=True)
class Effects:
    """Blocking: call it from a thread."""

    engine: Engine
    confidence: float
    max_matches: int
    """Of a decision: of one with so many, others may have been left out."""

    def fill(self, asked: ThresholdEffect) -> ThresholdEffect:
        """Write on the document what the ledger knows. The threshold in force and the candidate are
        on it. Raises `AdError` `invalid_field` for a window that cannot be."""
        if asked.problem is not None:
            return asked
        asked.hours = window_hours(asked.hours, HOURS)
        since = datetime.now(UTC) - timedelta(hours=asked.hours)
        at = since.isoformat(timespec="milliseconds")
        with self.engine.connect() as connection:
            answered = sorted(_answered(connection, asked, at))
            flagged = list(_flagged(connection, asked, at))
        self._measure(asked, answered)
        self._unflag(asked, flagged)
        asked.notes.extend(_notes(asked))
        return asked

    def _measure(self, asked: ThresholdEffect, answered: Sequence[Answered]) -> None:
        cosines = [one.cosine for one in answered]
        # From the place of each on, how many are violations.
        above = [0]
        for one in reversed(answered):
            above.append(above[-1] + one.violation)
        above.reverse()
        asked.answered, asked.positives = len(answered), above[0]
        asked.lowest = cosines[0] if cosines else None

        def point(threshold: float) -> ThresholdPoint:
            place = bisect_left(cosines, threshold)
            return self._point(threshold, len(cosines) - place, above[place], asked.positives)

        asked.points = DocList[ThresholdPoint](map(point, _spread(sorted(set(cosines)))))
        asked.now = None if asked.current is None else point(asked.current)
        asked.then = None if asked.threshold is None else point(asked.threshold)

    def _point(
        self, threshold: float, flagged: int, violations: int, positives: int
    ) -> ThresholdPoint:
        precision = clopper_pearson(violations, flagged, self.confidence)
        recall = clopper_pearson(violations, positives, self.confidence)
        return ThresholdPoint(
            threshold=threshold,
            flagged=flagged,
            violations=violations,
            precision=precision.value if flagged else None,
            precision_low=precision.low,
            precision_high=precision.high,
            recall=recall.value if positives else None,
            recall_low=recall.low,
            recall_high=recall.high,
        )

    def _unflag(
        self, asked: ThresholdEffect, flagged: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
    ) -> None:
        asked.flagged = len(flagged)
        then = asked.threshold
        if then is None:
            return
        gone = [
            outcome
            for outcome, matches in flagged
            if len(matches) < self.max_matches and not any(_flags(m, asked, then) for m in matches)
        ]
        asked.unflagged, asked.unflagged_rejected = len(gone), gone.count("reject")


def _answered(connection: Connection, asked: ThresholdEffect, since: str) -> Iterator[Answered]:
    query = (
        select(DECISIONS.c.document, RULINGS.c.outcome)
        .select_from(RULINGS.join(DECISIONS, DECISIONS.c.id == RULINGS.c.decision_id))
        .where(RULINGS.c.at >= since, RULINGS.c.source != "propagation")
        .where(DECISIONS.c.decided_at >= since)
        .order_by(RULINGS.c.at.desc())
        .limit(MOST_ANSWERED)
    )
    for matches, ruling in _read(connection, query, asked):
        cosines = [m["similarity"] for m in matches if _of(m, asked)]
        if cosines:
            yield Answered(max(cosines), ruling == "reject")


def _flagged(
    connection: Connection, asked: ThresholdEffect, since: str
) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """What counts for each ad that the category flagged by the signal, and its matches."""
    joined = EVIDENCE.join(DECISIONS, DECISIONS.c.id == EVIDENCE.c.decision_id)
    query = (
        select(DECISIONS.c.document, RULINGS.c.outcome)
        .select_from(joined.outerjoin(RULINGS, RULINGS.c.decision_id == DECISIONS.c.id))
        .where(EVIDENCE.c.flagged, EVIDENCE.c.decided_at >= since)
        .order_by(EVIDENCE.c.decided_at.desc())
        .limit(MOST_FLAGGED)
    )
    for matches, outcome in _read(connection, query, asked):
        if any(_of(m, asked) for m in matches):
            yield outcome, matches


def _read(
    connection: Connection, query: Any, asked: ThresholdEffect
) -> Iterator[tuple[list[Mapping[str, Any]], str]]:
    """The matches of each decision of the encoder, and what counts for its ad."""
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(query)
    for text, ruling in rows:
        document = json.loads(text)
        if (document["versions"] or {}).get("encoder", "") == asked.encoder_version:
            yield document["matches"] or [], ruling or document["outcome"]


def _of(match: Mapping[str, Any], asked: ThresholdEffect) -> bool:
    alike = match["category"] == asked.category and match["signal"] == asked.signal
    return alike and bool(match["polarity"] == "violation")


def _flags(match: Mapping[str, Any], asked: ThresholdEffect, then: float) -> bool:
    """Whether this match flags its ad when `then` is the category's threshold."""
    if match["polarity"] != "violation":
        return False
    return not _of(match, asked) or match["similarity"] >= then


def _spread(values: Sequence[float]) -> list[float]:
    """At most `MOST_POINTS` of them, that lie evenly between, the first and the last with them."""
    if len(values) <= MOST_POINTS:
        return list(values)
    step = (len(values) - 1) / (MOST_POINTS - 1)
    return [values[round(at * step)] for at in range(MOST_POINTS)]


def _notes(asked: ThresholdEffect) -> Iterator[Note]:
    if not asked.answered:
        yield note("none_resemble")
        return
    if asked.answered < _SMALL:
        yield note("few_answered", count=asked.answered)
    yield note("mostly_escalations")
    lowest = asked.lowest
    if asked.threshold is not None and lowest is not None and asked.threshold < lowest:
        yield note("nothing_below", lowest=f"{lowest:.3f}")
