"""The HTTP routes of quality over time: thin, over `QualityApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.quality import QualityApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader
from executors.shared.quality.windows import MOST_HOURS

Hours = Annotated[
    float | None,
    Query(gt=0, le=MOST_HOURS, description="The window, up to now; by default as it is set."),
]


def add_quality_routes(
    app: FastAPI, api: QualityApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/quality…` and the verdicts on decisions on the application."""

    @app.get(
        "/v1/quality",
        **told(
            "quality",
            "Drift, what the judge finds, what the screen misses, how often people agree",
            endpoint="/quality",
            gives="Quality",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def quality(hours: Hours = None) -> Response:
        return answer(await api.figures({"hours": hours}))

    @app.post(
        "/v1/quality/reference",
        **told(
            "quality",
            "Make the last hours the reference that drift is measured against",
            endpoint="/quality/reference",
            takes="SetReference",
            gives="Reference",
            refuses=[Code.INVALID_FIELD, Code.TOO_FEW_ADS],
        ),
    )
    async def quality_reference(request: Request) -> Response:
        return answer(await api.set_reference(await reader.body(request, "SetReference")))

    @app.post(
        "/v1/decisions/{decision_id:id}/verdict",
        **told(
            "decisions",
            "Uphold or overturn a decision",
            endpoint="/decision/verdict",
            takes="GiveVerdict",
            gives="PersonVerdict",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD, Code.NOT_REVIEWABLE],
            description="What a person says of a decision; it does not change the decision. Who "
            "says the same again changes nothing, and who says something else takes the earlier "
            "word back.",
        ),
    )
    async def decision_verdict(
        decision_id: Annotated[str, Path(description="The decision's id; not the ad's.")],
        request: Request,
    ) -> Response:
        return answer(await api.verdict(decision_id, await reader.body(request, "GiveVerdict")))
