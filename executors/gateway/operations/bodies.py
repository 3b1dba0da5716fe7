"""Requests and answers as JSON data, on HTTP and WebSocket alike."""

from __future__ import annotations

from typing import Any

import orjson
from docarray import BaseDoc

from adjudicate.documents import Problem
from adjudicate.errors import Code, RequestError
from executors.gateway.routing.rooms import too_many_ads

Body = dict[str, Any]

MAX_LIMIT = 1_000
"""The largest page of a listing."""


def parse_body(raw: bytes | str) -> Body:
    """A JSON object. Raises `RequestError` `malformed_request` for anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(Code.MALFORMED, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(Code.MALFORMED, "the body must be a JSON object")
    return body


def items_of(body: Body, name: str, most: int) -> list[Any]:
    """The body's list of that name. Raises `RequestError` when it is none, empty, or too long."""
    if not isinstance(body, dict) or not isinstance(body.get(name), list):
        raise RequestError(Code.MALFORMED, f'the body must be a JSON object with a list "{name}"')
    items: list[Any] = body[name]
    if not items:
        raise RequestError(Code.NO_ADS, f'the list "{name}" is empty')
    if len(items) > most:
        raise too_many_ads(len(items), most)
    return items


def plain(doc: BaseDoc) -> Body:
    """A document as JSON data, without what only Jina needs: the ids of nested documents."""
    data: Body = orjson.loads(doc.json())
    for nested in ("matches", "findings"):
        for item in data.get(nested) or ():
            item.pop("id", None)
    if isinstance(data.get("problem"), dict):
        data["problem"].pop("id", None)
    if isinstance(doc, Problem) or "room" in data:
        data.pop("id", None)
    return data


def page_of(query: Body) -> dict[str, int]:
    """`limit` and `offset` of a listing. Raises `RequestError` for what is no whole number."""
    return {
        "limit": whole(query.get("limit", 50), "limit", 1, MAX_LIMIT),
        "offset": whole(query.get("offset", 0), "offset", 0, 1_000_000_000),
    }


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number of `low` to `high`. Raises `RequestError` `malformed_request` for others."""
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise RequestError(
            Code.MALFORMED, f"{name} must be a whole number from {low} to {high:,}"
        ) from None
    return number
