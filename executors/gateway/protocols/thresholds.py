"""The thresholds' HTTP routes: thin, over `ThresholdApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.thresholds import ThresholdApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader

Version = Annotated[str, Path(description="Its id, the beginning of it, or `file`.")]


def add_threshold_routes(
    app: FastAPI, api: ThresholdApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/thresholds…` on the application."""

    @app.get(
        "/v1/thresholds",
        **told(
            "thresholds",
            "Every version of the thresholds, and the file's",
            endpoint="/thresholds/list",
            gives="ThresholdVersions",
        ),
    )
    async def thresholds() -> Response:
        return answer(await api.list())

    @app.post(
        "/v1/thresholds",
        **told(
            "thresholds",
            "Add versions of the thresholds",
            endpoint="/thresholds/add",
            takes="AddThresholds",
            gives="ThresholdVersions",
            refuses=[Code.NO_ADS, Code.TOO_MANY_ADS, Code.INVALID_FIELD],
            description="A version's id is a hash of its values: what is held already is put into "
            "the state that is asked for, unless it is active.",
        ),
    )
    async def thresholds_add(request: Request) -> Response:
        return answer(await api.add(await reader.body(request, "AddThresholds")))

    @app.get(
        "/v1/thresholds/{version:id}",
        **told(
            "thresholds",
            "One version of the thresholds",
            endpoint="/thresholds/list",
            gives="ThresholdVersion",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
        ),
    )
    async def thresholds_get(version: Version) -> Response:
        return answer(await api.get(version))

    @app.patch(
        "/v1/thresholds/{version:id}",
        **told(
            "thresholds",
            "Make a version active, shadow or retired",
            endpoint="/thresholds/set",
            takes="SetThresholds",
            gives="ThresholdVersion",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
        ),
    )
    async def thresholds_set(version: Version, request: Request) -> Response:
        body = await reader.body(request, "SetThresholds")
        return answer(await api.set(version, body))
