"""The library's HTTP routes and WebSocket operations: thin, over `LibraryApi`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from adjudicate.documents import Exemplar
from adjudicate.errors import Code, RequestError
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.library import LibraryApi

BodyOf = Callable[[Request], Awaitable[Body]]


def add_library_routes(
    app: FastAPI,
    api: LibraryApi,
    body_of: BodyOf,
    answer: Callable[[Body], Response],
    takes: Callable[[str, type[Any]], dict[str, Any]],
) -> None:
    """Put `/v1/library…` on the application. Those with a name of their own stand before the one
    that takes an id."""

    @app.get("/v1/library", summary="List exemplars, without pictures")
    async def library_list(
        limit: int = 50,
        offset: int = 0,
        category: str = "",
        polarity: str = "",
        bank: str = "",
        sort: str = "",
        after: str = "",
    ) -> Response:
        page = {"limit": limit, "offset": offset, "sort": sort, "after": after}
        filters = {"category": category, "polarity": polarity, "bank": bank}
        return answer(await api.page({**page, **filters}))

    @app.post("/v1/library", summary="Add exemplars", openapi_extra=takes("exemplars", Exemplar))
    async def library_add(request: Request) -> Response:
        return answer(await api.add(await body_of(request)))

    @app.post("/v1/library/held", summary="Which contents, by their hashes, are held already")
    async def library_held(request: Request) -> Response:
        return answer(await api.held(await body_of(request)))

    @app.get("/v1/library/banks", summary="Every bank with its counts")
    async def banks() -> Response:
        return answer(await api.banks())

    @app.patch("/v1/library/banks/{name}", summary="Switch a bank on or off")
    async def bank(name: str, request: Request) -> Response:
        return answer(await api.bank(name, await body_of(request)))

    @app.get("/v1/library/changes", summary="Who did what to exemplars and banks")
    async def changes(exemplar: str = "", limit: int = 50, offset: int = 0) -> Response:
        return answer(await api.changes({"exemplar": exemplar, "limit": limit, "offset": offset}))

    @app.get("/v1/library/{exemplar_id}", summary="One exemplar with its picture")
    async def library_get(exemplar_id: str) -> Response:
        return answer(await api.get(exemplar_id))

    @app.patch("/v1/library/{exemplar_id}", summary="Switch or edit an exemplar")
    async def library_set(exemplar_id: str, request: Request) -> Response:
        return answer(await api.set(exemplar_id, await body_of(request)))

    @app.delete("/v1/library/{exemplar_id}", summary="Remove an exemplar", status_code=204)
    async def library_remove(exemplar_id: str, by: str = "", why: str = "") -> Response:
        await api.remove(exemplar_id, {"by": by, "why": why})
        return Response(status_code=204)


def library_operations(api: LibraryApi) -> dict[str, Callable[[Body], Awaitable[Body]]]:
    """The operations of `/v1/stream`, by their names."""
    return {
        "library.add": api.add,
        "library.held": api.held,
        "library.list": api.page,
        "library.get": lambda body: api.get(id_of(body)),
        "library.set": lambda body: api.set(id_of(body), body),
        "library.remove": lambda body: api.remove(id_of(body), body),
        "library.banks": lambda body: api.banks(),
        "library.bank": lambda body: api.bank(id_of(body), body),
        "library.changes": api.changes,
    }


def id_of(body: Body) -> str:
    """The `id` of a frame. Raises `RequestError` `malformed_request` when it is no text."""
    if not isinstance(body.get("id"), str):
        raise RequestError(Code.MALFORMED, '"id" must be text')
    found: str = body["id"]
    return found
