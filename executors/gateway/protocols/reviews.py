"""The routes that take ads: review, embed, search, rank, classify. Thin, over `Api`."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from adjudicate.errors import Code
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body
from executors.gateway.protocols.components import SCHEMAS
from executors.gateway.protocols.multipart import AD_PARTS
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.reader import Reader
from executors.gateway.protocols.schemas import Schema, list_of

_REFUSES = (Code.NO_ADS, Code.TOO_MANY_ADS)
_FORM = (
    "As `multipart/form-data`: files named `image`, each an ad, with the fields of an ad for all "
    "of them or one for each in turn; or a part `ads` of JSON whose images name other file parts, "
    '`"image": "@front"`. A picture without an id is called by its file\'s name.'
)


def add_review_routes(
    app: FastAPI, api: Api, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put the routes on the application."""

    @app.post(
        "/v1/review",
        **told(
            "review",
            "Review ads",
            endpoint="/review",
            takes="Review",
            form=_form("Review"),
            gives="Decisions",
            refuses=_REFUSES,
            description="All ads of the request are decided, in its order, each recorded before "
            f"it is answered. {_FORM}",
        ),
    )
    async def review(request: Request) -> Response:
        return answer(await api.review(await reader.ads(request, "Review")))

    @app.post(
        "/v1/embed",
        **told(
            "embeddings",
            "CLIP embeddings of ads",
            endpoint="/embed",
            takes="Embed",
            form=_form("Embed"),
            gives="Embeddings",
            refuses=_REFUSES,
            description=_FORM,
        ),
    )
    async def embed(request: Request) -> Response:
        return answer(await api.embed(await reader.ads(request, "Embed")))

    @app.post(
        "/v1/search",
        **told(
            "embeddings",
            "The nearest exemplars",
            endpoint="/search",
            takes="Search",
            form=_form("Search"),
            gives="SearchResults",
            refuses=_REFUSES,
            description=_FORM,
        ),
    )
    async def search(request: Request) -> Response:
        return answer(await api.search(await reader.ads(request, "Search")))

    @app.post(
        "/v1/rank",
        **told(
            "embeddings",
            "Pictures or texts against candidate texts or pictures, best first",
            endpoint="/rank",
            takes="Rank",
            gives="Rankings",
            refuses=_REFUSES,
        ),
    )
    async def rank(request: Request) -> Response:
        return answer(await api.ranking.rank(await reader.body(request, "Rank")))

    @app.post(
        "/v1/classify",
        **told(
            "embeddings",
            "Zero-shot labels with probabilities",
            endpoint="/classify",
            takes="Classify",
            gives="Rankings",
            refuses=_REFUSES,
        ),
    )
    async def classify(request: Request) -> Response:
        return answer(await api.ranking.classify(await reader.body(request, "Classify")))


def _form(takes: str) -> Schema:
    """The schema of the same body as a form."""
    options = {
        name: schema for name, schema in SCHEMAS[takes]["properties"].items() if name != "ads"
    }
    fields = {name: SCHEMAS["Ad"]["properties"][name] for name in AD_PARTS}
    image = {
        "type": "array",
        "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        "description": "Pictures as files; each is an ad.",
    }
    ads = list_of("Ad", description='As JSON; `"image": "@front"` is the file part `front`.')
    return {"type": "object", "properties": {"image": image, "ads": ads, **fields, **options}}
