"""Which decisions become cases of the queue, and their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from adjudicate.documents import Decision
from executors.ledger.queue.priority import due_of, priority_of
from executors.ledger.queue.tables import CASES
from executors.ledger.times import unix
from executors.shared.settings import QueueSettings

Row = dict[str, Any]

EXCERPT = 280
"""Characters of the copy that the list shows."""


def case_row(
    decision: Decision,
    content_hash: str,
    evidence: Mapping[str, Any] | None,
    settings: QueueSettings,
    probability: float | None = None,
) -> Row | None:
    """The case of a new decision; None for one that nobody has to look at.

    `evidence`: its row in the table `evidence`; `probability`: the judge's, of a violation.
    """
    kind = _kind(decision, content_hash, settings)
    if kind is None:
        return None
    return row_of(kind, decision, evidence, decision.decided_at, probability)


def row_of(
    kind: str,
    decision: Decision,
    evidence: Mapping[str, Any] | None,
    at: str,
    probability: float | None = None,
) -> Row:
    """An open case of that kind, queued at `at`."""
    priority = priority_of(kind, decision, probability)
    return {
        "decision_id": decision.id or "",
        "kind": kind,
        "stage": "first",
        "state": "open",
        "round": 0,
        "audit": int(decision.audit),
        "priority": priority,
        "due": due_of(unix(at), priority),
        "rule": decision.rule,
        "category": _category(decision),
        "outcome": decision.outcome,
        "reason": next(iter(decision.reasons), ""),
        "confidence": decision.confidence,
        "ad_id": decision.ad_id,
        **_shown(evidence or {}),
        "queued_at": at,
        **dict.fromkeys(("lease_by", "lease_name", "lease_until", "settled_at"), ""),
    }


def enqueue(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put new cases in the queue, in the transaction of their decisions."""
    if rows:
        connection.execute(insert(CASES), [dict(row) for row in rows])


def _kind(decision: Decision, content_hash: str, settings: QueueSettings) -> str | None:
    if decision.outcome == "escalate":
        return "escalation"
    if decision.outcome not in ("approve", "reject"):
        return None
    sampled = decision.outcome == "reject" and _in_sample(content_hash, settings)
    return "audit_sample" if decision.audit or sampled else None


def _in_sample(content_hash: str, settings: QueueSettings) -> bool:
    """Whether rejected content belongs to the seeded share: it always or never does."""
    digest = hashlib.sha256(f"reject:{settings.reject_seed}:{content_hash}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < settings.reject_share * 2**64


def _category(decision: Decision) -> str:
    violations = (match for match in decision.matches if match.polarity == "violation")
    return next((match.category for match in violations if match.category), "")


def _shown(evidence: Mapping[str, Any]) -> Row:
    names = ("advertiser", "market", "product", "language", "picture")
    shown = {name: str(evidence.get(name) or "") for name in names}
    return {**shown, "excerpt": str(evidence.get("text") or "")[:EXCERPT].strip()}
