"""The log's line for each reviewed ad: which, how it was decided, and how long each stage took."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from adjudicate.documents import Decision
from executors.shared.logs.lines import fields

logger = logging.getLogger("adjudicate.reviews")

MAX_ID = 200
"""Characters of an id that a client has chosen."""


def log_reviews(decisions: Iterable[Decision]) -> None:
    """One line at INFO for each: ids, codes and numbers, nothing that the ad says."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for decision in decisions:
        logger.info("reviewed", extra=_fields(decision))


def _fields(decision: Decision) -> dict[str, object]:
    problem = decision.problem
    return fields(
        decision=decision.id,
        ad=decision.ad_id[:MAX_ID],
        outcome=decision.outcome,
        reasons=decision.reasons,
        rule=decision.rule,
        code=problem.code if problem is not None else "",
        flagged=decision.flagged or None,
        judged=decision.judged or None,
        cached=decision.cached or None,
        audit=decision.audit or None,
        trace_id=decision.trace_id,
        ms={stage: round(ms, 1) for stage, ms in sorted(decision.timings.items())},
    )
