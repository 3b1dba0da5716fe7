"""The routes that read: decisions, status, health. Thin, over `Api`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import orjson
from fastapi import FastAPI, Path, Query, Response

from adjudicate.errors import Code
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import MAX_LIMIT, MAX_OFFSET, Body
from executors.gateway.protocols.openapi import told

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many, at most.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to pass over.")]


def add_decision_routes(app: FastAPI, api: Api, answer: Callable[[Body], Response]) -> None:
    """Put the routes on the application."""

    @app.get(
        "/v1/decisions",
        **told("decisions", "The newest decisions", endpoint="/decision", gives="Decisions"),
    )
    async def decisions(limit: Limit = 50, offset: Offset = 0) -> Response:
        return answer(await api.decisions({"limit": limit, "offset": offset}))

    @app.get(
        "/v1/decisions/{decision_id:id}",
        **told(
            "decisions",
            "A decision",
            endpoint="/decision",
            gives="Decision",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def decision(
        decision_id: Annotated[str, Path(description="Its id, or its ad's: then the latest.")],
    ) -> Response:
        return answer(await api.decision(decision_id))

    @app.get(
        "/v1/status",
        **told(
            "service",
            "What each room runs: model, device, precision, versions",
            endpoint="/status",
            gives="Status",
        ),
    )
    async def status() -> Response:
        return answer(await api.status())

    @app.get(
        "/health",
        responses={503: {"description": "A room does not answer.", "content": _UNWELL}},
        **told(
            "service",
            "200 when every room answers, else 503",
            gives="Health",
            description="Open to all: probes have no key.",
        ),
    )
    async def health() -> Response:
        found = await api.health()
        ready = all(room["ready"] for room in found["rooms"])
        body = orjson.dumps({"ready": ready, **found})
        return Response(body, 200 if ready else 503, media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def alive() -> Response:
        """Liveness, as Jina's readiness check asks it."""
        return answer({})


_UNWELL = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
