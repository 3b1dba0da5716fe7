"""What the ledger has just recorded, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adjudicate.documents import Case, Decision
from executors.shared.telemetry.catalogue import RULED, STAGE_SECONDS
from executors.shared.telemetry.cells import sampled
from executors.shared.telemetry.instruments import Recording

NO_RULE = "none"
"""Escalated for another reason than a rule."""


def count_recorded(cases: Sequence[Case], decisions: Sequence[Decision]) -> None:
    """Count the decisions of these cases by rule, and the time that each stage took.

    A decision that was recorded before, and is now only repeated, does not count.
    """
    if not Recording.on:
        return
    ruled: Counter[tuple[str, str]] = Counter()
    for case, decision in zip(cases, decisions, strict=True):
        if decision.id != case.id:
            continue
        span = sampled(case.traceparent or "") or ""  # read once for all stages
        for stage, milliseconds in decision.timings.items():
            STAGE_SECONDS.record(milliseconds / 1_000, {"stage": stage}, span)
        if decision.outcome in ("reject", "escalate"):
            ruled[decision.rule or NO_RULE, decision.outcome] += 1
    for (rule, outcome), ads in ruled.items():
        RULED.add(ads, {"rule": rule, "outcome": outcome})
