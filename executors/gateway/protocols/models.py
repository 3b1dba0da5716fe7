"""The models' HTTP routes: thin, over `ModelApi`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.models import ModelApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader


def add_model_routes(
    app: FastAPI, api: ModelApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/models/load` on the application; `/v1/models` stands with OpenAI's routes."""

    @app.post(
        "/v1/models/load",
        **told(
            "models",
            "Put another model in place of the one that serves",
            endpoint="/models/load",
            takes="LoadModel",
            gives="Models",
            refuses=[Code.NOT_FOUND, Code.MODEL_BUSY, Code.MODEL_REFUSED],
            description="Answers when it serves; no ad is lost meanwhile.",
        ),
    )
    async def models_load(request: Request) -> Response:
        return answer(await api.load(await reader.body(request, "LoadModel")))
