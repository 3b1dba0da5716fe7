"""The HTTP routes: thin, over `Api`. Errors are RFC 9457 problem details with our code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from adjudicate.documents import Ad
from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body, parse_body
from executors.gateway.operations.rankings import takes_labels, takes_queries
from executors.gateway.protocols.library import add_library_routes
from executors.gateway.protocols.models import add_model_routes
from executors.gateway.protocols.thresholds import add_threshold_routes

PROBLEM = "application/problem+json"


def problem(code: Code, detail: str, status: int | None = None) -> Response:
    """RFC 9457 problem details, with our stable `code` as an extension member."""
    known = STATUS[code]
    body = {
        "type": f"urn:adjudicate:problem:{code}",
        "title": known.title,
        "status": status or known.http,
        "detail": detail,
        "code": str(code),
    }
    headers = {"Retry-After": "2"} if (status or known.http) == 503 else None
    return Response(orjson.dumps(body), status or known.http, headers, media_type=PROBLEM)


def json_response(body: Body) -> Response:
    """Plain data as a JSON response."""
    return Response(orjson.dumps(body), media_type="application/json")


def create_app(api: Api, max_bytes: int) -> FastAPI:
    """The application. `max_bytes` bounds a request's body while it is read."""
    app = FastAPI(
        title="Adjudicate",
        version="1",
        description="Ad compliance review: ads in, decisions with evidence out.",
        redoc_url=None,
    )

    async def body_of(request: Request) -> Body:
        return parse_body(await read_bounded(request, max_bytes))

    @app.get("/", include_in_schema=False)
    async def alive() -> Response:
        """Liveness, as Jina's readiness check asks it."""
        return json_response({})

    @app.get("/health", summary="200 when every room answers, else 503")
    async def health() -> Response:
        status = await api.health()
        ready = all(room["ready"] for room in status["rooms"])
        return Response(
            orjson.dumps({"ready": ready, **status}),
            200 if ready else 503,
            media_type="application/json",
        )

    @app.get("/v1/status", summary="What each room runs: model, device, precision, versions")
    async def status() -> Response:
        return json_response(await api.status())

    @app.post("/v1/review", summary="Review ads", openapi_extra=_takes("ads", Ad))
    async def review(request: Request) -> Response:
        return json_response(await api.review(await body_of(request)))

    @app.post("/v1/embed", summary="CLIP embeddings of ads", openapi_extra=_takes("ads", Ad))
    async def embed(request: Request) -> Response:
        return json_response(await api.embed(await body_of(request)))

    @app.post(
        "/v1/rank",
        summary="Pictures or texts against candidate texts or pictures, best first",
        openapi_extra=takes_queries(),
    )
    async def rank(request: Request) -> Response:
        return json_response(await api.ranking.rank(await body_of(request)))

    @app.post(
        "/v1/classify",
        summary="Zero-shot labels with probabilities",
        openapi_extra=takes_labels(),
    )
    async def classify(request: Request) -> Response:
        return json_response(await api.ranking.classify(await body_of(request)))

    @app.post("/v1/search", summary="The nearest exemplars", openapi_extra=_takes("ads", Ad))
    async def search(request: Request) -> Response:
        return json_response(await api.search(await body_of(request)))

    add_library_routes(app, api.library, body_of, json_response, _takes)
    add_threshold_routes(app, api.thresholds, body_of, json_response)
    add_model_routes(app, api.models, body_of, json_response)

    @app.get("/v1/decisions", summary="The newest decisions")
    async def decisions(limit: int = 50, offset: int = 0) -> Response:
        return json_response(await api.decisions({"limit": limit, "offset": offset}))

    @app.get("/v1/decisions/{decision_id}", summary="A decision by its id or its ad's id")
    async def decision(decision_id: str) -> Response:
        return json_response(await api.decision(decision_id))

    _install_error_handlers(app)
    return app


async def read_bounded(request: Request, max_bytes: int) -> bytes:
    """The body, refused as soon as it is known to be too large."""
    refusal = RequestError(
        Code.REQUEST_TOO_LARGE, f"the body is over {max_bytes:,} bytes; send fewer ads a request"
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise refusal
    return bytes(body)


def _install_error_handlers(app: FastAPI) -> None:
    async def ours(request: Request, error: Any) -> Response:
        return problem(error.code, error.detail)

    async def invalid(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(Code.MALFORMED, f"{where}: {first['msg']}")

    async def routing(request: Request, error: Any) -> Response:
        code = Code.NOT_FOUND if error.status_code == 404 else Code.MALFORMED
        return problem(code, str(error.detail), error.status_code)

    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(Code.INTERNAL, "the service failed; the log has the details")

    handlers: list[tuple[type[Exception], Callable[[Request, Any], Awaitable[Response]]]] = [
        (AdjudicateError, ours),
        (RequestValidationError, invalid),
        (HTTPException, routing),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _takes(name: str, document: type[Any]) -> dict[str, Any]:
    """OpenAPI for a body that is parsed by hand, so that one bad ad does not refuse the others."""
    schema = document.model_json_schema()
    schema.pop("$defs", None)
    schema.get("properties", {}).pop("problem", None)
    properties = {name: {"type": "array", "items": schema}, "deadline_ms": {"type": "integer"}}
    content = {"schema": {"type": "object", "required": [name], "properties": properties}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
