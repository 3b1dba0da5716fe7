"""The HTTP routes of what people's answers teach: thin, over `LearningApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.learning import LearningApi
from executors.gateway.protocols.decisions import Limit, Offset
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader
from executors.shared.quality.windows import MOST_HOURS

DecisionId = Annotated[str, Path(description="The decision's id; not the ad's.")]
PropagationId = Annotated[str, Path(description="The propagation's id.")]
Hours = Annotated[
    float | None,
    Query(gt=0, le=MOST_HOURS, description="How far back from now; by default thirty days."),
]
Lately = Annotated[
    float | None, Query(ge=1, le=744, description="How far back from now; by default a day.")
]
Why = Annotated[str, Query(max_length=10_000, description="Why; goes into the library's log.")]
OfDecision = Annotated[str, Query(max_length=200, description="Of this one; empty for all.")]
Category = Annotated[str, Query(min_length=1, max_length=200)]
Threshold = Annotated[
    float | None, Query(gt=0, le=1, description="The candidate; by default the one in force.")
]

_SETTLED = (Code.NOT_FOUND, Code.NOT_SETTLED, Code.INVALID_FIELD)


def add_learning_routes(
    app: FastAPI, api: LearningApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/decisions/{id}/exemplar`, `/v1/propagations…`, `/v1/learning…` and `/v1/overview` on
    the application."""
    _add_lessons(app, api, reader, answer)
    _add_propagating(app, api, reader, answer)
    _add_propagations(app, api, reader, answer)
    _add_figures(app, api, answer)


def _add_lessons(
    app: FastAPI, api: LearningApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.post(
        "/v1/decisions/{decision_id:id}/exemplar",
        **told(
            "learning",
            "Add a settled ad to the library",
            endpoint="/learning/lesson",
            takes="TeachExemplar",
            gives="Lesson",
            refuses=_SETTLED,
            description="As a violation, or as a look-alike where people found it compliant. What "
            "was taught already stays as it is.",
        ),
    )
    async def teach(decision_id: DecisionId, request: Request) -> Response:
        return answer(await api.teach(decision_id, await reader.body(request, "TeachExemplar")))

    @app.delete(
        "/v1/decisions/{decision_id:id}/exemplar",
        **told(
            "learning",
            "Take back what a decision taught the library",
            endpoint="/learning/lesson",
            gives="Lesson",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
            description="The exemplar leaves the library, unless another decision taught the same "
            "or it was there before.",
        ),
    )
    async def forget(decision_id: DecisionId, note: Why = "") -> Response:
        return answer(await api.forget(decision_id, {"note": note}))


def _add_propagating(
    app: FastAPI, api: LearningApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.post(
        "/v1/propagations",
        **told(
            "learning",
            "Carry a person's ruling over to near-duplicates",
            endpoint="/learning/apply",
            takes="Propagate",
            gives="Propagation",
            refuses=_SETTLED,
            description="With `dry_run` only what would happen. What has changed since is skipped, "
            "and its item says why. Never over a person's word.",
        ),
    )
    async def propagate(request: Request) -> Response:
        return answer(await api.propagate(await reader.body(request, "Propagate")))


def _add_propagations(
    app: FastAPI, api: LearningApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.get(
        "/v1/propagations",
        **told(
            "learning",
            "What was carried over, the newest first",
            endpoint="/learning/propagations",
            gives="Propagations",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def propagations(
        decision_id: OfDecision = "", limit: Limit = 50, offset: Offset = 0
    ) -> Response:
        page = {"decision_id": decision_id, "limit": limit, "offset": offset}
        return answer(await api.propagations(page))

    @app.get(
        "/v1/propagations/{propagation_id:id}",
        **told(
            "learning",
            "One propagation, with what became of each near-duplicate",
            endpoint="/learning/propagations",
            gives="Propagation",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def propagation(propagation_id: PropagationId) -> Response:
        return answer(await api.propagation(propagation_id))

    @app.post(
        "/v1/propagations/{propagation_id:id}/undo",
        **told(
            "learning",
            "Take a propagation back",
            endpoint="/learning/undo",
            takes="UndoPropagation",
            gives="Propagation",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
            description="All is as before, but for what a person ruled on or appealed since.",
        ),
    )
    async def propagation_undo(propagation_id: PropagationId, request: Request) -> Response:
        return answer(await api.undo(propagation_id, await reader.body(request, "UndoPropagation")))


def _add_figures(app: FastAPI, api: LearningApi, answer: Callable[[Body], Response]) -> None:
    @app.get(
        "/v1/learning",
        **told(
            "learning",
            "Precision of rejections, misses of the screen, agreement of judge and people",
            endpoint="/learning/figures",
            gives="Learning",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def learning(hours: Hours = None) -> Response:
        return answer(await api.figures({"hours": hours}))

    @app.get(
        "/v1/learning/threshold",
        **told(
            "learning",
            "What another threshold of a category and signal would change",
            endpoint="/thresholds/effect",
            gives="ThresholdEffect",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def threshold_effect(
        category: Category,
        signal: Literal["image", "text", "image-text"],
        threshold: Threshold = None,
        hours: Hours = None,
    ) -> Response:
        asked = {"category": category, "signal": signal, "threshold": threshold, "hours": hours}
        return answer(await api.effect(asked))

    @app.get(
        "/v1/overview",
        **told(
            "learning",
            "Volume, outcomes, latency and waiting cases, by the hour",
            endpoint="/overview",
            gives="Overview",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def overview(hours: Lately = None) -> Response:
        return answer(await api.overview({"hours": hours}))
