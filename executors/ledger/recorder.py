"""From merged cases to decisions on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from adjudicate.documents import Case, Decision, Problem
from adjudicate.errors import Code
from executors.ledger.counting import count_recorded
from executors.ledger.decide import Ruling, decide
from executors.ledger.evidence import evidence_row
from executors.ledger.keys import Claim, fingerprint
from executors.ledger.quality.tally import Tally
from executors.ledger.queue.entering import case_row
from executors.ledger.review_lines import log_reviews
from executors.ledger.store import DecisionStore, Record, refused
from executors.shared.health.canaries import CanaryFailed
from executors.shared.health.checks import reason
from executors.shared.hits import Hits, flagging
from executors.shared.settings import DecisionSettings, QueueSettings
from executors.shared.telemetry.tracing import trace_id_of

logger = logging.getLogger(__name__)

_ANSWERED = ("violation", "compliant", "invalid")


class Recorder:
    """Decides cases and records the decisions. Blocking: call it from a thread."""

    def __init__(
        self,
        store: DecisionStore,
        thresholds: DecisionSettings,
        tally: Tally | None = None,
        keep_pictures: str = "all",
        queue: QueueSettings | None = None,
    ) -> None:
        """`tally` counts what is recorded, for the figures on quality; `keep_pictures`: of which
        ads the gateway keeps them; `queue`: which decisions people look at, None as by default."""
        self._store = store
        self._thresholds = thresholds
        self._tally = tally
        self._keep_pictures = keep_pictures
        self._queue = queue or QueueSettings()

    def settle(self, cases: Sequence[Case]) -> list[Decision]:
        """One decision per case, in order. Never raises.

        What is returned is on disk; a decision that could not be recorded is an error instead.
        """
        started = time.perf_counter()
        records = [self._record(case, started) for case in cases]
        decisions = self._recorded(records)
        for decision in decisions:
            # The recorded one has the time until it was written; the answer, the writing as well.
            decision.timings["ledger"] = _ms_since(started)
        count_recorded(cases, decisions)
        log_reviews(decisions)
        if self._tally is not None:
            for case, record, decision in zip(cases, records, decisions, strict=True):
                if decision is record.decision:  # else it was recorded before, or could not be
                    self._tally.count(case, decision)
        return decisions

    def rehearse(self, case: Case) -> None:
        """Decide a case and write its decision as `settle` does, leaving no trace. Blocking.

        Raises `CanaryFailed`.
        """
        record = self._record(case, time.perf_counter())
        if record.decision.outcome == "error":
            raise CanaryFailed(f"it was not decided: {', '.join(record.decision.reasons)}")
        try:
            written = self._store.rehearse(record)
        except SQLAlchemyError as error:
            raise CanaryFailed(reason(error), outside=True) from None
        if not written:
            raise CanaryFailed("the decision was written and is not there", outside=True)

    def _record(self, case: Case, started: float) -> Record:
        decision = self._decision(case, started)
        hits = self._hits(case, decision)
        evidence = evidence_row(case, decision, self._keep_pictures)
        claim = _claim(case, decision)
        queued = case_row(decision, case.content_hash, evidence, self._queue, case.probability)
        return Record(decision, case.content_hash, hits, claim, case, evidence, queued)

    def _hits(self, case: Case, decision: Decision) -> Hits | None:
        """Which exemplars flagged the ad. None for one that was not flagged, that errs, or that
        only the audit sample sent to the judge."""
        if decision.problem is not None or case.audit or not (case.flagged or case.near_duplicate):
            return None
        p = case.probability
        cleared = case.verdict == "compliant" and p is not None and p <= self._thresholds.approve
        return Hits(
            flagging(case.matches),
            rejected=decision.outcome == "reject",
            # A near-duplicate is escalated even so: the exemplar is overturned all the same.
            overturned=cleared and not case.instruction_found,
            at=decision.decided_at,
        )

    def _decision(self, case: Case, started: float) -> Decision:
        try:
            ruling = decide(case, self._thresholds)
        except Exception:
            logger.exception("case %s could not be decided", case.id)
            case.problem = Problem(code=Code.INTERNAL, detail="the ledger failed on this ad")
            ruling = Ruling("error", (Code.INTERNAL.value,))
        return Decision(
            id=case.id,
            ad_id=case.ad_id or case.id or "",
            outcome=ruling.outcome,
            reasons=list(ruling.reasons),
            rule=ruling.rule,
            confidence=ruling.confidence,
            matches=case.matches,
            findings=case.findings,
            problem=case.problem,
            judged=case.verdict in _ANSWERED,
            flagged=case.flagged and not case.audit,
            shadow_flagged=case.shadow_flagged,
            audit=case.audit,
            versions=case.versions,
            cached=case.cached,
            trace_id=trace_id_of(case.traceparent),
            timings={**case.timings, "ledger": _ms_since(started)},
            decided_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def _recorded(self, records: Sequence[Record]) -> list[Decision]:
        if not records:
            return []
        try:
            return self._store.record(records)
        except Exception as error:
            logger.exception("%d decisions could not be recorded", len(records))
            # One decision that the database refuses must not take the others of its request with
            # it. A database that is gone refuses every one, and asking again would only wait.
            if len(records) == 1 or isinstance(error, OperationalError):
                return [_unrecorded(record.decision) for record in records]
            return [self._recorded([record])[0] for record in records]


def _claim(case: Case, decision: Decision) -> Claim | None:
    """None for an error: whoever sends the ad again wants it decided."""
    if case.idempotency_key is None or decision.problem is not None:
        return None
    return Claim(case.idempotency_key, decision.id or "", fingerprint(case))


def _unrecorded(decision: Decision) -> Decision:
    return refused(decision, Code.INTERNAL, "the decision could not be recorded")


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000
