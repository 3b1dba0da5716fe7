"""The pictures of ads, by the hash of their bytes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from executors.gateway.console.console import Console
from executors.gateway.console.pictures import picture_response


def add_pictures(console: Console) -> None:
    """`/pictures/{hash}?w=…`."""

    async def picture(request: Request) -> Response:
        data = await console.api.records.picture(request.path_params["hash"])
        return await picture_response(console, data, request.query_params.get("w"))

    console.add("/pictures/{hash}", picture)
