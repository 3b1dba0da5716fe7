"""How near-duplicates of a settled ad stand now, and whether they are settled with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from adjudicate.documents import PropagationItem, PropagationSkip
from executors.ledger.keys import rows_with
from executors.ledger.learning.near import Near
from executors.ledger.store import DECISIONS, EVIDENCE, QUEUE, RULINGS

_EXCERPT = 200
"""Characters of the copy."""

_STATUS = select(
    DECISIONS.c.id,
    DECISIONS.c.outcome,
    DECISIONS.c.rule,
    DECISIONS.c.decided_at,
    EVIDENCE.c.ad_id,
    EVIDENCE.c.advertiser,
    EVIDENCE.c.market,
    EVIDENCE.c.product,
    EVIDENCE.c.picture,
    EVIDENCE.c.text,
    QUEUE.c.state,
    QUEUE.c.kind,
    QUEUE.c.stage,
    QUEUE.c.audit,
    QUEUE.c.lease_by,
    QUEUE.c.lease_until,
    RULINGS.c.outcome.label("ruling"),
    RULINGS.c.rule.label("ruling_rule"),
).select_from(
    DECISIONS.join(EVIDENCE, EVIDENCE.c.decision_id == DECISIONS.c.id)
    .outerjoin(QUEUE, QUEUE.c.decision_id == DECISIONS.c.id)
    .outerjoin(RULINGS, RULINGS.c.decision_id == DECISIONS.c.id)
)


def statuses(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """How these decisions stand, by id."""
    return {row.id: row for row in rows_with(connection, _STATUS, DECISIONS.c.id, list(ids))}


def concerned(status: Any, outcome: str) -> bool:
    """Whether a near-duplicate that stands so has to do with `outcome`: its case is open, or it is
    a past decision that a rejection would change."""
    if status.state == "open":
        return True
    counts = status.ruling or status.outcome
    return outcome == "reject" and counts not in ("reject", "error")


def skip_of(status: Any, near: Near, outcome: str, by: str, now: str) -> PropagationSkip | None:
    """Why a near-duplicate does not get `outcome` with the settled ad; None: it does.

    A person's word on an ad stands, whatever a near-duplicate of it is. So does what waits for a
    second person, and the sample that people's figures are made of. An approval goes to
    escalations only, and only where nothing differs: what breaks a rule may stand in the part that
    does.
    """
    if status.state == "open" and status.kind == "appeal":
        return "appealed"
    if status.state == "open" and (status.kind == "audit_sample" or status.audit):
        return "audit_sample"
    if status.ruling:
        return "ruled"
    if status.state != "open":
        return None if outcome == "reject" else "differs"
    if status.stage != "first":
        return "other_stage"
    if status.lease_until > now and status.lease_by != by:
        return "claimed"
    return None if outcome == "reject" or near.whole else "differs"


def item_of(status: Any, near: Near, skipped: str | None = None) -> PropagationItem:
    """The document of a near-duplicate."""
    return PropagationItem(
        id=status.id,
        source="queue" if status.state == "open" else "past",
        distance=near.distance,
        same_copy=near.same_copy,
        whole=near.whole,
        skipped=skipped or "",
        outcome=status.ruling or status.outcome,
        rule=status.ruling_rule if status.ruling else status.rule,
        kind=status.kind or "",
        stage=status.stage or "",
        **{name: getattr(status, name) for name in ("ad_id", "advertiser", "market", "product")},
        excerpt=status.text[:_EXCERPT],
        picture=status.picture,
        decided_at=status.decided_at,
    )
