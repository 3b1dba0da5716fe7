"""The library's HTTP routes: thin, over `LibraryApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.library import LibraryApi
from executors.gateway.protocols.decisions import Limit, Offset
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.paths import NAMES
from executors.gateway.protocols.reader import Reader

SORTS = ("newest", "id", "flagged", "rejected", "overturned")

ExemplarId = Annotated[
    str, Path(description=f"The exemplar's id. By this route it is none of {', '.join(NAMES)}.")
]
Bank = Annotated[str, Path(description="The bank's name; one that is not there is made.")]
Filter = Annotated[str, Query(description="Only these; empty for all.")]
Sort = Annotated[
    str,
    Query(
        description="`newest` or `id`; by hit counts, the worst first: the others.",
        json_schema_extra={"enum": list(SORTS)},
    ),
]
After = Annotated[str, Query(description="With `sort=id`: go on after this id.")]
By = Annotated[str, Query(description="Who does it; goes into the log.")]
Why = Annotated[str, Query(description="Why; goes into the log.")]
Exemplar = Annotated[str, Query(description="Of this exemplar and its bank; empty for all.")]

NearLimit = Annotated[int, Query(ge=1, le=50, description="How many of each signal, at most.")]
Copies = Annotated[bool, Query(description="Only those that are almost copies.")]


def add_library_routes(
    app: FastAPI, api: LibraryApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/library…` on the application. Those with a name of their own stand before the one
    that takes an id."""
    _add_exemplar_lists(app, api, reader, answer)
    _add_banks(app, api, reader, answer)
    _add_single_exemplars(app, api, reader, answer)


def _add_exemplar_lists(
    app: FastAPI, api: LibraryApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.get(
        "/v1/library",
        **told(
            "library",
            "List exemplars, without pictures",
            endpoint="/library/list",
            gives="Exemplars",
            refuses=[Code.INVALID_FIELD],
        ),
    )
    async def library_list(
        limit: Limit = 50,
        offset: Offset = 0,
        category: Filter = "",
        polarity: Filter = "",
        bank: Filter = "",
        sort: Sort = "newest",
        after: After = "",
    ) -> Response:
        page = {"limit": limit, "offset": offset, "sort": sort, "after": after}
        filters = {"category": category, "polarity": polarity, "bank": bank}
        return answer(await api.page({**page, **filters}))

    @app.post(
        "/v1/library",
        **told(
            "library",
            "Add exemplars",
            endpoint="/library/add",
            takes="AddExemplars",
            gives="Exemplars",
            refuses=[Code.NO_ADS, Code.TOO_MANY_ADS],
            description="Each comes back as it is held, or with its problem. Content that is held "
            "already is not added again: `repeats` names it. `near_duplicate` names an exemplar "
            "that a new one is almost a copy of.",
        ),
    )
    async def library_add(request: Request) -> Response:
        return answer(await api.add(await reader.body(request, "AddExemplars")))

    @app.post(
        "/v1/library/held",
        **told(
            "library",
            "Which contents, by their hashes, are held already",
            endpoint="/library/held",
            takes="Held",
            gives="Exemplars",
            refuses=[Code.NO_ADS, Code.TOO_MANY_ADS],
        ),
    )
    async def library_held(request: Request) -> Response:
        return answer(await api.held(await reader.body(request, "Held")))

    @app.get(
        "/v1/library/changes",
        **told(
            "library",
            "Who did what to exemplars and banks, the newest first",
            endpoint="/library/changes",
            gives="Changes",
        ),
    )
    async def changes(exemplar: Exemplar = "", limit: Limit = 50, offset: Offset = 0) -> Response:
        return answer(await api.changes({"exemplar": exemplar, "limit": limit, "offset": offset}))


def _add_banks(
    app: FastAPI, api: LibraryApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.get(
        "/v1/library/banks",
        **told("library", "Every bank with its counts", endpoint="/library/banks", gives="Banks"),
    )
    async def banks() -> Response:
        return answer(await api.banks())

    @app.patch(
        "/v1/library/banks/{name:id}",
        **told(
            "library",
            "Switch a bank on or off",
            endpoint="/library/bank",
            takes="SetBank",
            gives="Bank",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
        ),
    )
    async def bank(name: Bank, request: Request) -> Response:
        return answer(await api.bank(name, await reader.body(request, "SetBank")))


def _add_single_exemplars(
    app: FastAPI, api: LibraryApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.get(
        "/v1/library/{exemplar_id:exemplar}",
        **told(
            "library",
            "One exemplar with its picture",
            endpoint="/library/list",
            gives="Exemplar",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def library_get(exemplar_id: ExemplarId) -> Response:
        return answer(await api.get(exemplar_id))

    @app.get(
        "/v1/library/{exemplar_id:exemplar}/near",
        **told(
            "library",
            "Exemplars that are like this one, and which of them are almost copies",
            endpoint="/library/near",
            gives="Near",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
            description="Pictures are compared with pictures, texts with texts. A match's "
            "`threshold` is where it is almost a copy.",
        ),
    )
    async def library_near(
        exemplar_id: ExemplarId, limit: NearLimit = 8, copies: Copies = False
    ) -> Response:
        return answer(await api.near_one(exemplar_id, {"limit": limit, "copies": copies}))

    @app.patch(
        "/v1/library/{exemplar_id:exemplar}",
        **told(
            "library",
            "Switch or edit an exemplar",
            endpoint="/library/set",
            takes="SetExemplar",
            gives="Exemplar",
            refuses=[Code.NOT_FOUND, Code.INVALID_FIELD],
        ),
    )
    async def library_set(exemplar_id: ExemplarId, request: Request) -> Response:
        body = await reader.body(request, "SetExemplar")
        return answer(await api.set(exemplar_id, body))

    @app.delete(
        "/v1/library/{exemplar_id:exemplar}",
        status_code=204,
        **told(
            "library",
            "Remove an exemplar",
            endpoint="/library/remove",
            gives="",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def library_remove(exemplar_id: ExemplarId, by: By = "", why: Why = "") -> Response:
        await api.remove(exemplar_id, {"by": by, "why": why})
        return Response(status_code=204)
