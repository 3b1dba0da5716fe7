"""The named schemas of OpenAPI for what people do: the queue, appeals, the webhook's messages."""

from __future__ import annotations

from typing import get_args

from adjudicate import documents as docs
from executors.gateway.protocols.schemas import (
    TEXT,
    WHOLE,
    Schema,
    answered,
    answered_of,
    list_of,
    maybe,
    one_of,
    taken,
)

NO_NUL = "^[^\\u0000]*$"
"""Some databases refuse it."""

_TEXT = {**TEXT, "pattern": NO_NUL}
_LONG = {**_TEXT, "maxLength": 10_000}
_RULE = maybe(
    {**_TEXT, "maxLength": 200, "description": "That the ad breaks; by default the decision's."}
)
_DECISION = {**_TEXT, "maxLength": 200, "description": "The decision's id."}
_KIND, _STAGE = one_of(get_args(docs.CaseKind)), one_of(get_args(docs.CaseStage))
_CASE = {"kind": _KIND, "stage": _STAGE, "state": one_of(get_args(docs.CaseState))}
_APPEAL_STATE = one_of(get_args(docs.AppealState))

WORK_SCHEMAS: dict[str, Schema] = {
    "Ruling": answered_of(
        docs.Ruling,
        ("id",),
        outcome=one_of(("approve", "reject")),
        source=one_of(get_args(docs.RulingSource)),
    ),
    "QueueCases": answered("A list named `cases`.", cases=list_of("QueueCase")),
    "QueueCase": answered_of(docs.QueueItem, **_CASE),
    "QueueCounts": answered_of(docs.QueueCounts, ("id", "problem")),
    "ClaimCase": taken(
        "Which case is to be the caller's; without an id the next that the filters let pass.",
        id=maybe(_DECISION),
        seconds=maybe(
            {**WHOLE, "minimum": 0, "maximum": 86_400, "description": "0: as it is set; no longer."}
        ),
        skip=maybe(list_of(_TEXT, maxItems=100, description="Decisions not to be given.")),
        kind=maybe(_KIND),
        stage=maybe(_STAGE),
        **dict.fromkeys(
            ("rule", "category", "advertiser", "market", "product", "language"), maybe(_TEXT)
        ),
    ),
    "ReleaseCase": taken("Which case to give back; without an id all.", id=maybe(_DECISION)),
    "AnswerCase": taken(
        "A person's answer to a case.",
        ("id", "answer"),
        id=_DECISION,
        answer=one_of(get_args(docs.CaseAnswer)),
        rule=_RULE,
        note=maybe({**_LONG, "description": "Why; a skip needs it."}),
    ),
    "UndoAnswer": taken(
        "Which answer to take back; without either the caller's last.",
        id=maybe(_DECISION),
        number=maybe({**WHOLE, "minimum": 0, "description": "Of the review."}),
    ),
    "CaseReview": answered_of(
        docs.Review,
        ("role", "problem"),
        answer=one_of(get_args(docs.CaseAnswer)),
        kind=_KIND,
        stage=_STAGE,
    ),
    "OpenAppeal": taken(
        "Why what counts for an ad is wrong.",
        ("reason",),
        reason={**_LONG, "minLength": 1},
        contact=maybe({**_TEXT, "maxLength": 500, "description": "Whom to tell."}),
    ),
    "Appeals": answered("A list named `appeals`.", appeals=list_of("Appeal")),
    "Appeal": answered_of(docs.Appeal, ("role", "problem"), state=_APPEAL_STATE),
    "DecideAppeal": taken(
        "Whether what counted still does.",
        ("state",),
        state=one_of(("upheld", "overturned")),
        note=maybe(_LONG),
        rule=_RULE,
    ),
    "WebhookMessages": answered("A list named `messages`.", messages=list_of("WebhookMessage")),
    "WebhookMessage": answered_of(
        docs.WebhookDelivery, ("problem",), state=one_of(get_args(docs.DeliveryState))
    ),
    "TestWebhook": taken("Nothing more is to be said."),
    "RetryWebhook": taken("Which message; without an id all dead ones.", id=maybe(_TEXT)),
}
