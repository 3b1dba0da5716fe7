"""The demo's numbers: how good the decisions are, and how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adjudicate.demo.session import Run, Session
from adjudicate.documents import Decision


@dataclass(frozen=True)
class Quality:
    """Precision and recall of one reading of the outcomes against the labels; None without any."""

    precision: float | None
    recall: float | None
    true_positive: int
    false_positive: int
    false_negative: int


@dataclass(frozen=True)
class Speed:
    """Of one protocol. Percentiles are of the client's wait for an ad, in ms."""

    protocol: str
    seconds: float
    p50: float
    p95: float
    cached: int
    """Decisions whose verdict was known from an earlier run of the same ad."""


@dataclass(frozen=True)
class Numbers:
    """Everything that the summary shows."""

    ads: int
    outcomes: dict[str, int]
    not_approved: Quality
    """A violation is caught by reject or escalate."""
    reject: Quality
    judged: int
    speeds: tuple[Speed, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def numbers(session: Session) -> Numbers:
    """The numbers of a session; quality is of the first protocol, without the broken ads."""
    decisions = session.decisions
    return Numbers(
        ads=len(session.samples),
        outcomes=dict(Counter(decision.outcome for decision in decisions.values())),
        not_approved=quality(session, lambda found: found.outcome in ("reject", "escalate")),
        reject=quality(session, lambda found: found.outcome == "reject"),
        judged=sum(decision.judged for decision in decisions.values()),
        speeds=tuple(speed(run) for run in session.runs),
    )


def quality(session: Session, positive: Callable[[Decision], bool]) -> Quality:
    """Precision and recall where `positive` decisions stand for violations."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for sample in session.samples:
        decision = session.decisions.get(sample.ad_id)
        if decision is not None and sample.label != "error":
            counts[positive(decision), sample.label == "violation"] += 1
    hits, false_alarms, missed = counts[True, True], counts[True, False], counts[False, True]
    return Quality(
        hits / (hits + false_alarms) if hits + false_alarms else None,
        hits / (hits + missed) if hits + missed else None,
        hits,
        false_alarms,
        missed,
    )


def speed(run: Run) -> Speed:
    """Seconds in all and percentiles per ad."""
    waits = sorted(run.ms.values())
    return Speed(
        run.protocol,
        run.seconds,
        percentile(waits, 0.5),
        percentile(waits, 0.95),
        sum(decision.cached for decision in run.decisions.values()),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 without any."""
    if not ordered:
        return 0.0
    rank = -int(-share * len(ordered) // 1)  # ceiling
    return ordered[max(rank, 1) - 1]
