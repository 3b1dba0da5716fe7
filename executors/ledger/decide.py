"""The decision table, as one pure function.

    problem                                         error      never approved by an error
    copy of a violation (perceptual hash)           reject     by label propagation, judge saved
    below every threshold, no term of the policy    approve
    flagged, an instruction found inside the ad     escalate
    flagged, no usable verdict or probability       escalate   not judged, invalid, timed out, …
    flagged, violation, p ≥ reject                  reject
    flagged, compliant, near-duplicate              escalate   the judge cannot clear it
    flagged, compliant, p ≤ approve                 approve
    flagged, anything between                       escalate

What flags, an exemplar in any signal or a term in the copy, makes no difference here. The audit
sample is flagged too and goes the way of what is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass

from adjudicate.documents import Case, Outcome
from executors.shared.settings import DecisionSettings

_NO_VERDICT = {
    "": "not_judged",
    "invalid": "judge_invalid",
    "timeout": "judge_timeout",
    "unavailable": "judge_unavailable",
}


@dataclass(frozen=True)
class Ruling:
    """The outcome of one case, and why."""

    outcome: Outcome
    reasons: tuple[str, ...]
    """Codes, most decisive first."""
    rule: str = ""
    """The rule that was broken, or may have been; empty for what is approved."""
    confidence: float = 0.0
    """Probability of the outcome; 0 where nothing is known of it."""


def decide(case: Case, thresholds: DecisionSettings) -> Ruling:
    """The ruling on a case. It approves only what is unflagged, or judged compliant."""
    if case.problem is not None:
        return Ruling("error", (case.problem.code,))
    if case.near_duplicate == "hash":
        return _copy(case)
    asked = case.flagged or case.audit or bool(case.near_duplicate or case.verdict)
    if not asked and not case.instruction_found:
        # What resembled nothing has no reasons yet; a look-alike says so.
        return Ruling("approve", tuple(case.reasons) or ("below_thresholds",))
    return _judged(case, thresholds)


def _copy(case: Case) -> Ruling:
    copies = [match for match in case.matches if match.signal == "hash"]
    copied = next((match for match in copies if match.polarity == "violation"), None)
    return Ruling(
        "reject",
        _reasons("near_duplicate:hash", case),
        copied.rule if copied else _likely_rule(case),
        copied.similarity if copied else 0.0,
    )


def _judged(case: Case, thresholds: DecisionSettings) -> Ruling:
    p = case.probability
    if case.instruction_found:
        return _escalate("instruction_found", case)
    if case.verdict not in ("violation", "compliant"):
        return _escalate(_NO_VERDICT.get(case.verdict, "judge_invalid"), case)
    # Written so that a NaN fails it.
    if p is None or not 0 <= p <= 1:
        return _escalate("no_probability", case)
    if case.verdict == "violation" and p >= thresholds.reject:
        return Ruling("reject", _reasons("judged_violation", case), _likely_rule(case), p)
    if case.verdict == "compliant" and case.near_duplicate:
        return _escalate(f"near_duplicate:{case.near_duplicate}", case)
    if case.verdict == "compliant" and p <= thresholds.approve:
        first = "audit_sample" if case.audit else "judged_compliant"
        return Ruling("approve", _reasons(first, case), confidence=1 - p)
    return _escalate("uncertain", case)


def _escalate(reason: str, case: Case) -> Ruling:
    return Ruling("escalate", _reasons(reason, case), _likely_rule(case))


def _likely_rule(case: Case) -> str:
    """The rule that the judge named, else that of the first violation among the matches: of what
    flagged the ad, the exemplar that it resembles most, or else the term."""
    named = [f.rule for f in case.findings if f.rule and f.verdict in ("", "violation")]
    resembled = [m.rule for m in case.matches if m.rule and m.polarity == "violation"]
    return next(iter(named + resembled), "")


def _reasons(first: str, case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys([first, *case.reasons, *case.judge_notes]))
