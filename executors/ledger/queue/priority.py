"""How soon a case should be looked at: points, each of which is worth a minute of waiting.

| what | points |
|---|---|
| kind: an appeal, an escalation, the audit sample | 400, 200, 0 |
| severity of the gravest violation that it is like: high, medium or not known, low | 300, 150, 0 |
| a near-duplicate of a known violation: a copied picture, almost the same | 200, 100 |
| the probability of a violation, 0.5 where it is not known | 0 to 100 |

The sum, 0 to 1,000, does not change while the case waits. Since a point is a minute, a case of the
lowest priority goes before one of the highest that was queued 17 hours later: nothing starves.
"""

from __future__ import annotations

from adjudicate.documents import Decision

MINUTE = 60
"""Seconds that a point is worth."""

_KIND = {"appeal": 400, "escalation": 200, "audit_sample": 0}
_SEVERITY = {"high": 300, "medium": 150, "low": 0}
_SEVERITY_NOT_KNOWN = 150
_NEAR = {"near_duplicate:hash": 200, "near_duplicate:similarity": 100}
_PROBABILITY = 100


def priority_of(kind: str, decision: Decision, probability: float | None = None) -> int:
    """The points of a decision's case of that kind, 0 to 1,000.

    `probability`: the judge's, of a violation; None: as far as the decision says.
    """
    p = _violation(decision) if probability is None else probability
    near = max((_NEAR.get(reason, 0) for reason in decision.reasons), default=0)
    return _KIND[kind] + _gravity(decision) + near + round(_PROBABILITY * min(max(p, 0.0), 1.0))


def due_of(queued: int, priority: int) -> int:
    """Where a case stands in the queue, the least first. `queued`: Unix time, seconds."""
    return queued - MINUTE * priority


def _gravity(decision: Decision) -> int:
    found = [
        _SEVERITY.get(match.severity, _SEVERITY_NOT_KNOWN)
        for match in decision.matches
        if match.polarity == "violation"
    ]
    return max(found, default=_SEVERITY_NOT_KNOWN)


def _violation(decision: Decision) -> float:
    if decision.outcome == "reject":
        return decision.confidence
    if decision.outcome == "approve" and decision.judged:
        return 1 - decision.confidence
    return 0.5
