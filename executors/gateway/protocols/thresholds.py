"""The thresholds' HTTP routes and WebSocket operations: thin, over `ThresholdApi`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from executors.gateway.operations.bodies import Body
from executors.gateway.operations.thresholds import ThresholdApi
from executors.gateway.protocols.library import BodyOf, id_of


def add_threshold_routes(
    app: FastAPI, api: ThresholdApi, body_of: BodyOf, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/thresholds…` on the application."""

    @app.get("/v1/thresholds", summary="Every version of the thresholds, and the file's")
    async def thresholds() -> Response:
        return answer(await api.list())

    @app.post("/v1/thresholds", summary="Add versions of the thresholds")
    async def thresholds_add(request: Request) -> Response:
        return answer(await api.add(await body_of(request)))

    @app.get("/v1/thresholds/{version}", summary="One version of the thresholds")
    async def thresholds_get(version: str) -> Response:
        return answer(await api.get(version))

    @app.patch("/v1/thresholds/{version}", summary="Make a version active, shadow or retired")
    async def thresholds_set(version: str, request: Request) -> Response:
        return answer(await api.set(version, await body_of(request)))


def threshold_operations(api: ThresholdApi) -> dict[str, Callable[[Body], Awaitable[Body]]]:
    """The operations of `/v1/stream`, by their names."""
    return {
        "thresholds.list": lambda body: api.list(),
        "thresholds.get": lambda body: api.get(id_of(body)),
        "thresholds.add": api.add,
        "thresholds.set": lambda body: api.set(id_of(body), body),
    }
