"""The routes that OpenAI's clients ask, and errors that they can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.convertors import register_url_convertor
from starlette.types import Message, Receive, Scope, Send

from adjudicate.errors import Code
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.openai_input import ParameterError
from executors.gateway.protocols.openapi import told
from executors.gateway.protocols.paths import Id
from executors.gateway.protocols.problems import PROBLEM, problem
from executors.gateway.protocols.reader import Reader

_PATHS = ("/v1/moderations", "/v1/embeddings", "/v1/models")
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_REFUSES = (Code.NO_ADS, Code.TOO_MANY_ADS)


def add_openai_routes(
    app: FastAPI, api: Api, reader: Reader, answer: Callable[[Body], Response]
) -> None:
    """Put `/v1/moderations`, `/v1/embeddings` and `/v1/models` on the application."""

    @app.post(
        "/v1/moderations",
        **told(
            "openai",
            "Review ads as OpenAI's moderations",
            endpoint="/review",
            takes="Moderate",
            gives="Moderations",
            refuses=(*_REFUSES, *_OF_ADS),
            description="A list of parts is one ad, a list of texts is several. When one of them "
            "cannot be reviewed, none is answered.",
        ),
    )
    async def moderations(request: Request) -> Response:
        return answer(await api.moderations.create(await reader.body(request, "Moderate")))

    @app.post(
        "/v1/embeddings",
        **told(
            "openai",
            "CLIP embeddings as OpenAI's",
            endpoint="/embed",
            takes="CreateEmbeddings",
            gives="CreatedEmbeddings",
            refuses=(*_REFUSES, *_OF_ADS, Code.NOT_FOUND),
        ),
    )
    async def embeddings(request: Request) -> Response:
        return answer(await api.embeddings.create(await reader.body(request, "CreateEmbeddings")))

    @app.get(
        "/v1/models",
        **told(
            "models",
            "The models: for OpenAI's clients, and those that the judge may be",
            endpoint="/status",
            gives="ModelList",
            description="`models` is empty without a key of the scope `admin`.",
        ),
    )
    async def models() -> Response:
        return answer(await api.model_list.list())

    @app.get(
        "/v1/models/{name:model}",
        **told(
            "openai",
            "One model that a request may name",
            endpoint="/status",
            gives="ModelName",
            refuses=[Code.NOT_FOUND],
        ),
    )
    async def model(name: str) -> Response:
        return answer(await api.model_list.get(name))

    async def of_a_parameter(request: Request, error: Any) -> Response:
        refusal = problem(error)
        body = {**orjson.loads(bytes(refusal.body)), "param": error.param}
        headers = {k: v for k, v in refusal.headers.items() if not k.startswith("content-")}
        return Response(orjson.dumps(body), refusal.status_code, headers, media_type=PROBLEM)

    app.add_exception_handler(ParameterError, of_a_parameter)


_OF_ADS = (
    *(Code.IMAGE_EMPTY, Code.IMAGE_UNREADABLE, Code.IMAGE_TRUNCATED, Code.IMAGE_TOO_LARGE),
    *(Code.IMAGE_TOO_MANY_PIXELS, Code.IMAGE_ANIMATED, Code.IMAGE_BASE64, Code.TEXT_TOO_LONG),
    *(Code.AD_EMPTY, Code.INVALID_FIELD, Code.URL_NOT_ALLOWED, Code.URL_UNREACHABLE),
    *(Code.OUT_OF_MEMORY, Code.LIBRARY_STALE),
)
"""What is one ad's problem elsewhere refuses the request here."""


class ModelName(Id):
    """Any but `load`, which has a route of its own."""

    regex = "(?!load$)[^/]+"


register_url_convertor("model", ModelName())


class OpenAiErrors:
    """An ASGI application round all others: problem details of OpenAI's routes also say `error`,
    whoever refuses, so that OpenAI's clients raise their own exceptions with our code."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)  # Jina looks at the application's routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] == "http" and _is_openai(scope["path"]):
            await self._app(scope, receive, _Rewritten(send).send)
        else:
            await self._app(scope, receive, send)


class _Rewritten:
    """Holds a problem until it is whole; lets all else pass."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = orjson.dumps(with_error(orjson.loads(self._body))) if self._body else b""
        kept = [header for header in start["headers"] if header[0].lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**start, "headers": [*kept, length]})
        await self._send({"type": "http.response.body", "body": body})


def with_error(body: Body) -> Body:
    """Problem details with OpenAI's `error`: `{message, type, param, code}`."""
    kind = "server_error" if body["status"] >= 500 else _TYPES.get(body["status"])
    error = {
        "message": body["detail"],
        "type": kind or "invalid_request_error",
        "param": body.get("param"),
        "code": body["code"],
    }
    return {**body, "error": error}


def _is_openai(path: str) -> bool:
    return path.rstrip("/").startswith(_PATHS)


def _is_problem(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(PROBLEM.encode())
        for name, value in start["headers"]
    )
