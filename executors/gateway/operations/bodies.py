"""Requests and answers as JSON data, on HTTP and WebSocket alike."""

from __future__ import annotations

from typing import Any

import orjson
from docarray import BaseDoc
from pydantic_core import from_json

from adjudicate.documents import Problem
from adjudicate.errors import Code, RequestError
from executors.gateway.routing.rooms import too_many_ads

Body = dict[str, Any]

LARGE = 65_536
"""Characters or bytes of JSON from which on it is mostly pictures: pydantic copies long text once,
orjson three times."""

MAX_LIMIT, MAX_OFFSET = 1_000, 1_000_000_000
"""The largest page of a listing, and the furthest."""


def parse_body(raw: bytes | str) -> Body:
    """A JSON object. Raises `RequestError` `malformed_request` for anything else."""
    body = parse_json(raw, "the body")
    if not isinstance(body, dict):
        raise RequestError(Code.MALFORMED, "the body must be a JSON object")
    return body


def parse_json(raw: bytes | str, what: str) -> Any:
    """Any JSON. Raises `RequestError` `malformed_request` that says `what` is none."""
    if len(raw) > LARGE:
        try:
            return from_json(raw, allow_inf_nan=False)
        except ValueError:
            pass  # the other says what is wrong
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(Code.MALFORMED, f"{what} is not JSON: {error}") from None


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
    for nested in ("matches", "findings", "replicas"):
        for item in data.get(nested) or ():
            item.pop("id", None)
    for nested in ("problem", "ruling"):
        if isinstance(data.get(nested), dict):
            data[nested].pop("id", None)
    if isinstance(doc, Problem) or "room" in data:
        data.pop("id", None)
    return data


def page_of(query: Body) -> dict[str, int]:
    """`limit` and `offset` of a listing. Raises `RequestError` for what is no whole number."""
    return {
        "limit": whole(query.get("limit", 50), "limit", 1, MAX_LIMIT),
        "offset": whole(query.get("offset", 0), "offset", 0, MAX_OFFSET),
    }


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number of `low` to `high`. Raises `RequestError` `malformed_request` for others."""
    number = _integer(value)
    if number is None or not low <= number <= high:
        raise RequestError(Code.MALFORMED, f"{name} must be a whole number from {low} to {high:,}")
    return number


def _integer(value: Any) -> int | None:
    """`7`, `7.0` and `"7"` are whole numbers: JSON knows one kind of number, a query only text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return int(value)
        except ValueError:
            return None
    return None
