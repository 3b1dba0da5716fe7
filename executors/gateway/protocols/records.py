"""The HTTP routes of what is on record: thin, over `RecordsApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.records import RecordsApi
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader

_BYTES = "application/octet-stream"
_PICTURE_HEADERS = {
    # What a stranger sent: no browser is to show it as what it may pretend to be.
    "content-disposition": "attachment",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private, max-age=31536000, immutable",
}
_PICTURES = (
    *(Code.IMAGE_BASE64, Code.IMAGE_EMPTY, Code.IMAGE_UNREADABLE, Code.IMAGE_TRUNCATED),
    *(Code.IMAGE_TOO_LARGE, Code.IMAGE_TOO_MANY_PIXELS, Code.IMAGE_ANIMATED),
)
_FOUND = (Code.INVALID_FIELD, Code.NOT_FOUND)


def add_record_routes(
    app: FastAPI, api: RecordsApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put case files, search, export, pictures, erasure and expiry on the application."""
    _add_reading(app, api, reader, answer)
    _add_forgetting(app, api, reader, answer)


def _add_reading(
    app: FastAPI, api: RecordsApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.post(
        "/v1/records/search",
        **told(
            "records",
            "Decisions by what they are about and what became of them",
            endpoint="/decisions/search",
            takes="SearchDecisions",
            gives="FoundDecisions",
            refuses=[*_FOUND, *_PICTURES],
            description="The newest first; by a picture the nearest.",
        ),
    )
    async def search_decisions(request: Request) -> Response:
        return answer(await api.search(await reader.body(request, "SearchDecisions")))

    @app.post(
        "/v1/records/export",
        **told(
            "records",
            "Decisions with their evidence, page by page",
            endpoint="/decisions/export",
            takes="ExportDecisions",
            gives="ExportedDecisions",
            refuses=_FOUND,
            description="The oldest first. Each export is noted in the audit trail.",
        ),
    )
    async def export_decisions(request: Request) -> Response:
        return answer(await api.export(await reader.body(request, "ExportDecisions")))

    @app.get(
        "/v1/decisions/{decision_id:id}/case",
        **told(
            "records",
            "All that is known of a decision",
            endpoint="/case",
            gives="CaseFile",
            refuses=[Code.NOT_FOUND],
            description="The ad, reviews and appeals, the advertiser's history, near-duplicates.",
        ),
    )
    async def case_file(
        decision_id: Annotated[str, Path(description="Its id, or its ad's: then the latest.")],
    ) -> Response:
        return answer(await api.case(decision_id))

    @app.get(
        "/v1/pictures/{picture}",
        **told(
            "records",
            "A kept picture, as it was sent",
            endpoint="/picture",
            gives="",
            file=_BYTES,
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def picture(
        picture: Annotated[str, Path(description="The SHA-256 of its bytes, hexadecimal.")],
    ) -> Response:
        return Response(await api.picture(picture), media_type=_BYTES, headers=_PICTURE_HEADERS)


def _add_forgetting(
    app: FastAPI, api: RecordsApi, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    @app.post(
        "/v1/records/erase",
        **told(
            "records",
            "Erase what is personal about an ad, or about all ads of an advertiser",
            endpoint="/erase",
            takes="Erase",
            gives="Erasure",
            refuses=_FOUND,
            description="Copy, advertiser, context, quotes and pictures. The decisions stay, and "
            "so does the audit trail. It cannot be undone.",
        ),
    )
    async def erase(request: Request) -> Response:
        return answer(await api.erase(await reader.body(request, "Erase")))

    @app.post(
        "/v1/records/expire",
        **told(
            "records",
            "Delete what is past the time that it is kept",
            endpoint="/expire",
            takes="Expire",
            gives="Expiry",
            description="The service does so by itself now and then.",
        ),
    )
    async def expire(request: Request) -> Response:
        return answer(await api.expire(await reader.body(request, "Expire")))
