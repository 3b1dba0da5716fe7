"""What the ledger answers to what people do: one case, one appeal, one message, by known ids."""

from __future__ import annotations

from typing import Any

from adjudicate.documents import (
    Appeal,
    Problem,
    QueueCounts,
    QueueItem,
    Review,
    WebhookDelivery,
)
from adjudicate.errors import Code

_AT = "2025-06-01T00:00:00.000+00:00"


def _known(decision_id: str | None) -> bool:
    return str(decision_id).partition("/")[0] in ("known", "None", "")


def _problem(code: Code = Code.NOT_FOUND) -> Problem:
    return Problem(code=code, detail="there is no such thing")


def _item(decision_id: str | None) -> QueueItem:
    if not _known(decision_id):
        return QueueItem(problem=_problem())
    return QueueItem(
        id=decision_id or "known", kind="escalation", stage="first", state="open", queued_at=_AT
    )


def _review(asked: Review) -> Review:
    if not _known(asked.id):
        return Review(problem=_problem())
    if asked.answer not in ("", "violation", "compliant", "skip"):
        return Review(problem=_problem(Code.INVALID_FIELD))
    said = {"kind": "escalation", "stage": "first", "answer": asked.answer or "skip", "number": 1}
    return Review(id=asked.id or "known", state_after="settled", at=_AT, by=asked.by, **said)


def _appeal(asked: Any) -> Appeal:
    wanted = getattr(asked, "decision_id", "") or asked.id
    if not _known(asked.id) and not _known(getattr(asked, "decision_id", "x") or "x"):
        return Appeal(problem=_problem())
    return Appeal(id="known", decision_id=wanted or "known", reason="why", opened_at=_AT)


def _message(asked: Any) -> WebhookDelivery:
    if not _known(asked.id):
        return WebhookDelivery(problem=_problem())
    return WebhookDelivery(id="msg_1", event="decision.settled", created_at=_AT)


WORK_ANSWERS: dict[str, Any] = {
    "/queue/list": lambda docs: [_item(one.decision_id) for one in docs],
    "/queue/counts": lambda docs: [QueueCounts(open=1, by_kind={"escalation": 1}) for _ in docs],
    "/queue/claim": lambda docs: [_item(one.id) for one in docs],
    "/queue/release": lambda docs: [_item(one.id) for one in docs],
    "/queue/review": lambda docs: [_review(one) for one in docs],
    "/queue/undo": lambda docs: [_review(one) for one in docs],
    "/appeals/add": lambda docs: [_appeal(one) for one in docs],
    "/appeals/list": lambda docs: [_appeal(one) for one in docs],
    "/appeals/decide": lambda docs: [_appeal(one) for one in docs],
    "/webhooks/list": lambda docs: [_message(one) for one in docs],
    "/webhooks/retry": lambda docs: [_message(one) for one in docs],
    "/webhooks/test": lambda docs: [_message(one) for one in docs],
}
