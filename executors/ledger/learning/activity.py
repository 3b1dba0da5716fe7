"""Counts of what was decided, by the hour: what the overview shows, however many decisions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from adjudicate.documents import Case, Decision

OUTCOME, REJECTED, TOOK, TOOK_JUDGED = "outcome", "rejected", "took", "took_judged"
"""Ads by outcome; rejected ones by rule; all, and those that the judge was asked about, by the time
that they took: the number of its bucket."""

RATIO = 1.1
"""Of a bucket's upper bound to its lower one: its middle is off by less than 5 %."""

_ROOMS = ("encoder", "library", "judge", "ledger")
_MOST_CHARACTERS = 200
_LEAST_MS = 0.1


def activity(case: Case, decision: Decision) -> Iterator[tuple[str, str]]:
    """What is counted of a decision that was just recorded: what, and of what."""
    yield OUTCOME, decision.outcome
    if decision.outcome == "reject":
        yield REJECTED, decision.rule.replace("\0", "")[:_MOST_CHARACTERS]
    bucket = str(bucket_of(sum(decision.timings.get(room, 0.0) for room in _ROOMS)))
    yield TOOK, bucket
    if decision.judged:
        yield TOOK_JUDGED, bucket


def bucket_of(milliseconds: float) -> int:
    """The number of the bucket that a time falls into."""
    return math.floor(math.log(max(milliseconds, _LEAST_MS), RATIO))


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The time in milliseconds that this share of what was counted took at most, within 5 %; None
    of nothing."""
    rank = math.ceil(share * sum(buckets.values()))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0 and buckets[bucket]:
            return float(RATIO ** (bucket + 0.5))
    return None
