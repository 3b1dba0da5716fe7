"""The models' HTTP routes and WebSocket operations: thin, over `ModelApi`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from executors.gateway.operations.bodies import Body
from executors.gateway.operations.models import ModelApi
from executors.gateway.protocols.library import BodyOf


def add_model_routes(
    app: FastAPI, api: ModelApi, body_of: BodyOf, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/models…` on the application."""

    @app.get("/v1/models", summary="The models that the judge may be, and which one serves")
    async def models() -> Response:
        return answer(await api.list())

    @app.post("/v1/models/load", summary="Put another model in place of the one that serves")
    async def models_load(request: Request) -> Response:
        return answer(await api.load(await body_of(request)))


def model_operations(api: ModelApi) -> dict[str, Callable[[Body], Awaitable[Body]]]:
    """The operations of `/v1/stream`, by their names."""
    return {"models.list": lambda body: api.list(), "models.load": api.load}
