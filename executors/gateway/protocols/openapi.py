"""What OpenAPI says of each route: its bodies, its refusals, its scope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from adjudicate.errors import STATUS, Code, RequestError
from executors.gateway.door import NEEDS
from executors.gateway.protocols.components import SCHEMAS
from executors.gateway.protocols.problems import PROBLEM, RETRY_AFTER_S, problem
from executors.gateway.protocols.requests import FORM, JSON
from executors.gateway.protocols.schemas import Schema, ref

_MARK = "x-adjudicate"
_ANY_REQUEST = (
    *(Code.MALFORMED, Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.RATE_LIMITED, Code.INTERNAL),
    *(Code.ROOM_UNAVAILABLE, Code.OVERLOADED, Code.SHUTTING_DOWN, Code.DEADLINE_EXCEEDED),
)
_ANY_BODY = (Code.REQUEST_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.REQUEST_TIMEOUT)
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer …`: an API key, or a JWT where they are accepted.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
TAGS = {
    "review": "Ads in, decisions with evidence out.",
    "embeddings": "What the encoder and the library say, without a decision.",
    "decisions": "Read decisions back.",
    "records": "What is on record: case files, searches, pictures, export, erasure.",
    "library": "Known violations and look-alikes, their banks, and who changed them.",
    "thresholds": "At which similarity an ad is flagged: versions, shadow, roll back.",
    "models": "Which model judges.",
    "queue": "Cases that people decide: claims, answers, undo.",
    "appeals": "What is held against decisions, and what became of it.",
    "webhooks": "Messages to whoever must know what people settled.",
    "learning": "What people's answers teach: exemplars, near-duplicates, estimates.",
    "quality": "How good the decisions are over time: drift, misses, agreement.",
    "audit": "Who did what, and the proof that nobody changed it since.",
    "openai": "The same for OpenAI's clients: set their base URL to this service's /v1.",
    "service": "Whether the service is well, and what it runs.",
}
_ABOUT = """\
Ad compliance review: ads in, decisions with evidence out.

What is wrong with one ad stands in that ad's decision, with outcome `error` and a `problem`; the
others of its request are decided. A request that is refused as a whole, or cannot be answered, gets
problem details (RFC 9457) with a stable `code`; where waiting helps, `Retry-After` says how long.

The same operations go over a WebSocket at `/v1/stream`, one frame per decision as soon as it is
there, and over gRPC with the Python client or any Jina client.
"""


def told(
    tag: str,
    summary: str,
    *,
    gives: str,
    endpoint: str = "",
    takes: str = "",
    form: Schema | None = None,
    refuses: Iterable[Code] = (),
    description: str = "",
    file: str = "",
) -> dict[str, Any]:
    """What a route's decorator is given, so that OpenAPI says it.

    `gives` and `takes` name components; an empty `gives` is an answer without a body. `form` is the
    schema of a body as `multipart/form-data`. `endpoint` is what the route asks the rooms, by which
    the door knows the scope; without one the route is open to all. `refuses` are codes beside
    those that any such route may answer with. `file` is the media type of an answer that is no
    JSON.
    """
    codes = [*(_ANY_REQUEST if endpoint else ()), *(_ANY_BODY if takes else ()), *refuses]
    mark: dict[str, Any] = {"gives": gives, "codes": [str(code) for code in codes], "scopes": []}
    mark["file"] = file
    said = [description] if description else []
    if endpoint:
        mark["scopes"] = [str(scope) for scope in NEEDS[endpoint]]
        wanted = " or ".join(f"`{scope}`" for scope in NEEDS[endpoint])
        said.append(f"Takes a key with the scope {wanted}.")
    extra: dict[str, Any] = {_MARK: mark}
    if takes:
        content: Schema = {JSON: {"schema": ref(takes)}}
        if form:
            content[FORM] = {"schema": form, "encoding": {"ads": {"contentType": JSON}}}
        extra["requestBody"] = {"required": True, "content": content}
    return {
        "tags": [tag],
        "summary": summary,
        "description": "\n\n".join(said),
        "openapi_extra": extra,
    }


def install_openapi(app: FastAPI) -> None:
    """Have `/openapi.json` say the whole contract."""
    made: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not made:
            plain = get_openapi(
                title=app.title,
                version=app.version,
                description=_ABOUT,
                routes=app.routes,
                tags=[{"name": name, "description": text} for name, text in TAGS.items()],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            made.append(_completed(plain))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(spec: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document with our bodies, refusals and security in place of its own."""
    refusals: dict[int, set[Code]] = defaultdict(set)
    for path in spec["paths"].values():
        for operation in path.values():
            mark = operation.pop(_MARK, None)
            if mark is None:
                continue
            responses = operation["responses"]
            responses.pop("422", None)  # FastAPI's own; what it refuses is a problem of ours
            success = next(status for status in responses if status.startswith("2"))
            responses[success] = _success(mark["gives"], mark["file"])
            for code in map(Code, mark["codes"]):
                refusals[STATUS[code].http].add(code)
                name = f"Problem{STATUS[code].http}"
                responses[str(STATUS[code].http)] = {"$ref": f"#/components/responses/{name}"}
            # Of alternatives each stands alone: several in one list would all be wanted.
            operation["security"] = [
                {scheme: [scope]} for scope in mark["scopes"] for scheme in _SECURITY
            ]
    theirs = spec.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        theirs.pop(name, None)
    spec["components"] = {
        **spec.get("components", {}),
        "schemas": {**SCHEMAS, **theirs},
        "responses": {f"Problem{status}": _refusal(codes) for status, codes in refusals.items()},
        "securitySchemes": _SECURITY,
    }
    return spec


def _success(gives: str, file: str) -> Schema:
    if file:
        return {"description": "The file.", "content": {file: {"schema": {}}}}
    if not gives:
        return {"description": "Done."}
    description = SCHEMAS[gives]["description"]
    return {"description": description, "content": {JSON: {"schema": ref(gives)}}}


def _refusal(codes: set[Code]) -> Schema:
    ordered = [code for code in Code if code in codes]
    status = STATUS[ordered[0]].http
    examples = {
        str(code): {
            "summary": STATUS[code].title,
            "value": orjson.loads(bytes(problem(RequestError(code)).body)),
        }
        for code in ordered
    }
    schema = {
        "allOf": [ref("Problem")],
        "properties": {"code": {"enum": [str(code) for code in ordered]}},
    }
    said = {
        "description": " ".join(f"`{code}`: {STATUS[code].title}" for code in ordered),
        "content": {PROBLEM: {"schema": schema, "examples": examples}},
    }
    return {**said, "headers": headers} if (headers := _headers(status)) else said


def _headers(status: int) -> Schema:
    if status in RETRY_AFTER_S:
        described = "Whole seconds after which the same request may succeed."
        return {"Retry-After": {"description": described, "schema": {"type": "integer"}}}
    if status in (401, 403):
        described = "The scheme that a key is sent by."
        return {"WWW-Authenticate": {"description": described, "schema": {"type": "string"}}}
    return {}
