"""The HTTP routes of appeals and of the webhook's messages: thin, over their operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from adjudicate.documents import AppealState, DeliveryState
from adjudicate.errors import Code
from executors.gateway.operations.appeals import AppealApi
from executors.gateway.operations.bodies import MAX_LIMIT, MAX_OFFSET, Body
from executors.gateway.operations.webhooks import WebhookApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader
from executors.gateway.protocols.work_schemas import NO_NUL

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many, at most.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to pass over.")]
AppealId = Annotated[str, Path(description="The appeal's id.")]
DecisionId = Annotated[str, Path(description="The decision's id; not the ad's.")]
OfDecision = Annotated[
    str, Query(max_length=200, pattern=NO_NUL, description="Against this decision.")
]


def add_appeal_routes(
    app: FastAPI, api: AppealApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/appeals…` and the appeals against decisions on the application."""

    @app.post(
        "/v1/decisions/{decision_id:id}/appeal",
        **told(
            "appeals",
            "Hold that what counts for an ad is wrong",
            endpoint="/appeals/add",
            takes="OpenAppeal",
            gives="Appeal",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD, Code.NOT_REVIEWABLE, Code.APPEAL_OPEN],
            description="Its case is opened again, for a person who has had no part in it. A "
            "decision has one open appeal at a time.",
        ),
    )
    async def appeal_open(decision_id: DecisionId, request: Request) -> Response:
        return answer(await api.open(decision_id, await reader.body(request, "OpenAppeal")))

    @app.get(
        "/v1/appeals",
        **told(
            "appeals",
            "The newest appeals",
            endpoint="/appeals/list",
            gives="Appeals",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def appeals(
        state: Annotated[AppealState | None, Query()] = None,
        decision_id: OfDecision = "",
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        filters = {"state": state, "decision_id": decision_id}
        return answer(await api.list({**filters, "limit": limit, "offset": offset}))

    @app.get(
        "/v1/appeals/{appeal_id:id}",
        **told(
            "appeals",
            "An appeal",
            endpoint="/appeals/list",
            gives="Appeal",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def appeal(appeal_id: AppealId) -> Response:
        return answer(await api.get(appeal_id))

    @app.post(
        "/v1/appeals/{appeal_id:id}/decide",
        **told(
            "appeals",
            "Uphold or overturn what counted",
            endpoint="/appeals/decide",
            takes="DecideAppeal",
            gives="Appeal",
            refuses=[
                *(Code.NOT_FOUND, Code.INVALID_FIELD, Code.CASE_SETTLED, Code.CLAIMED_ELSEWHERE),
                Code.OTHER_PERSON,
            ],
            description="By somebody else than who settled the case.",
        ),
    )
    async def appeal_decide(appeal_id: AppealId, request: Request) -> Response:
        return answer(await api.decide(appeal_id, await reader.body(request, "DecideAppeal")))


def add_webhook_routes(
    app: FastAPI, api: WebhookApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/webhooks…` on the application."""

    @app.get(
        "/v1/webhooks",
        **told(
            "webhooks",
            "The newest messages to the webhook's receiver",
            endpoint="/webhooks/list",
            gives="WebhookMessages",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def webhooks(
        state: Annotated[DeliveryState | None, Query()] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        return answer(await api.list({"state": state, "limit": limit, "offset": offset}))

    @app.post(
        "/v1/webhooks/retry",
        **told(
            "webhooks",
            "Try messages anew",
            endpoint="/webhooks/retry",
            takes="RetryWebhook",
            gives="WebhookMessages",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD, Code.CASE_SETTLED],
            description="One that is not delivered, or all that are dead. Their ids stay.",
        ),
    )
    async def webhooks_retry(request: Request) -> Response:
        return answer(await api.retry(await reader.body(request, "RetryWebhook")))

    @app.post(
        "/v1/webhooks/test",
        **told(
            "webhooks",
            "Send a message now, and say what came of it",
            endpoint="/webhooks/test",
            takes="TestWebhook",
            gives="WebhookMessage",
            refuses=[Code.WEBHOOK_OFF],
        ),
    )
    async def webhooks_test(request: Request) -> Response:
        await reader.body(request, "TestWebhook")
        return answer(await api.test())
