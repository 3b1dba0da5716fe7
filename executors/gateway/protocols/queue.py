"""The HTTP routes of the queue: thin, over `QueueApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Path, Query, Request, Response

from adjudicate.documents import CaseKind, CaseStage
from adjudicate.errors import Code
from executors.gateway.operations.bodies import MAX_LIMIT, MAX_OFFSET, Body
from executors.gateway.operations.queue import QueueApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader
from executors.gateway.protocols.work_schemas import NO_NUL

Text = Annotated[str, Query(max_length=200, pattern=NO_NUL)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many, at most.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to pass over.")]
Words = Annotated[
    str,
    Query(
        max_length=200,
        pattern=NO_NUL,
        description="Stands in the copy, the ad's id or the advertiser.",
    ),
]
Mine = Annotated[bool, Query(description="Only what the caller has claimed.")]
Free = Annotated[bool, Query(description="Only what nobody has claimed.")]

_ANSWERED = (Code.NOT_FOUND, Code.CLAIMED_ELSEWHERE, Code.INVALID_FIELD)


def chosen(
    kind: Annotated[CaseKind | None, Query()] = None,
    stage: Annotated[CaseStage | None, Query()] = None,
    rule: Text = "",
    category: Text = "",
    advertiser: Text = "",
    market: Text = "",
    product: Text = "",
    language: Text = "",
    text: Words = "",
) -> Body:
    """The filters of a query; empty ones mean all."""
    return {name: value for name, value in locals().items() if value}


Chosen = Annotated[Body, Depends(chosen)]


def add_queue_routes(
    app: FastAPI, api: QueueApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/queue…` on the application."""
    _add_reading(app, api, answer)
    _add_working(app, api, reader, answer)


def _add_reading(app: FastAPI, api: QueueApi, answer: Callable[[Body], Response]) -> None:
    @app.get(
        "/v1/queue",
        **told(
            "queue",
            "The cases that people decide",
            endpoint="/queue/list",
            gives="QueueCases",
            refuses=[Code.INVALID_FIELD],
            description="In the order in which they are given out, or the oldest or newest first.",
        ),
    )
    async def queue(
        filters: Chosen,
        state: Literal["open", "settled", "all"] = "open",
        mine: Mine = False,
        free: Free = False,
        sort: Literal["priority", "oldest", "newest"] = "priority",
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> Response:
        paged = {"state": state, "mine": mine, "free": free, "sort": sort}
        return answer(await api.list({**filters, **paged, "limit": limit, "offset": offset}))

    @app.get(
        "/v1/queue/counts",
        **told(
            "queue",
            "How many cases wait, of which kind, rule and market, and since when",
            endpoint="/queue/counts",
            gives="QueueCounts",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def queue_counts(filters: Chosen) -> Response:
        return answer(await api.counts(filters))

    @app.get(
        "/v1/queue/cases/{decision_id:id}",
        **told(
            "queue",
            "A case",
            endpoint="/queue/list",
            gives="QueueCase",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def queue_case(
        decision_id: Annotated[str, Path(description="The decision's id.")],
    ) -> Response:
        return answer(await api.get(decision_id))


def _add_working(
    app: FastAPI, api: QueueApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.post(
        "/v1/queue/claim",
        **told(
            "queue",
            "Take a case for some time, or renew that",
            endpoint="/queue/claim",
            takes="ClaimCase",
            gives="QueueCase",
            refuses=[*_ANSWERED, Code.QUEUE_EMPTY, Code.CASE_SETTLED, Code.OTHER_PERSON],
            description="Without an id the next by priority and age; of two who claim at the same "
            "moment each gets another.",
        ),
    )
    async def queue_claim(request: Request) -> Response:
        return answer(await api.claim(await reader.body(request, "ClaimCase")))

    @app.post(
        "/v1/queue/release",
        **told(
            "queue",
            "Give a case back, or all",
            endpoint="/queue/release",
            takes="ReleaseCase",
            gives="QueueCases",
            refuses=_ANSWERED,
        ),
    )
    async def queue_release(request: Request) -> Response:
        return answer(await api.release(await reader.body(request, "ReleaseCase")))

    @app.post(
        "/v1/queue/review",
        **told(
            "queue",
            "Answer a case, or skip it with a reason",
            endpoint="/queue/review",
            takes="AnswerCase",
            gives="CaseReview",
            refuses=[*_ANSWERED, Code.CASE_SETTLED, Code.OTHER_PERSON],
            description="The same answer again changes nothing.",
        ),
    )
    async def queue_review(request: Request) -> Response:
        return answer(await api.review(await reader.body(request, "AnswerCase")))

    @app.post(
        "/v1/queue/undo",
        **told(
            "queue",
            "Take an answer back",
            endpoint="/queue/undo",
            takes="UndoAnswer",
            gives="CaseReview",
            refuses=[*_ANSWERED, Code.UNDO_REFUSED],
            description="One's own for some minutes, and as long as nobody has built on it.",
        ),
    )
    async def queue_undo(request: Request) -> Response:
        return answer(await api.undo(await reader.body(request, "UndoAnswer")))
