"""What people do, over the three transports: the queue, appeals, the webhook's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docarray import BaseDoc

from adjudicate.errors import Code, ServiceError
from adjudicate.transports.parts import D, GrpcPart, JsonPart, read

_ENDPOINTS = {
    "queue": "/queue/list",
    "queue.counts": "/queue/counts",
    "queue.get": "/queue/list",
    "queue.claim": "/queue/claim",
    "queue.release": "/queue/release",
    "queue.review": "/queue/review",
    "queue.undo": "/queue/undo",
    "appeals": "/appeals/list",
    "appeals.get": "/appeals/list",
    "appeals.open": "/appeals/add",
    "appeals.decide": "/appeals/decide",
    "webhooks": "/webhooks/list",
    "webhooks.retry": "/webhooks/retry",
    "webhooks.test": "/webhooks/test",
}
"""Of the ledger, by operation."""

_FILTERS = ("kind", "rule", "category", "advertiser", "market", "product", "language", "stage")
_PAGE = ("limit", "offset")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "queue": (*_FILTERS, "text", "state", "mine", "free", "sort", *_PAGE),
    "queue.counts": (*_FILTERS, "text"),
    "queue.get": ("decision_id",),
    "queue.claim": ("id", "seconds", "skip", *_FILTERS),
    "queue.release": ("id",),
    "queue.review": ("id", "answer", "rule", "note"),
    "queue.undo": ("id", "number"),
    "appeals": ("state", "decision_id", *_PAGE),
    "appeals.get": ("id",),
    "appeals.open": ("decision_id", "reason", "contact"),
    "appeals.decide": ("id", "state", "note", "rule"),
    "webhooks": ("state", *_PAGE),
    "webhooks.retry": ("id",),
    "webhooks.test": (),
}
"""Of the document that asks, what stands in the JSON body."""
_IDS = {"queue.get": "decision_id", "appeals.open": "decision_id"}
"""Operations whose body's `id` is another field."""
_LISTS = {
    "queue": "cases",
    "queue.release": "cases",
    "appeals": "appeals",
    "webhooks": "messages",
    "webhooks.retry": "messages",
}
"""Operations that answer a list, by its name."""


class GrpcWork(GrpcPart):
    """By the ledger's endpoints."""

    async def work(self, op: str, asked: BaseDoc, kind: type[D]) -> list[D]:
        """What the ledger answers to a document, by the operation's name."""
        return await self._ask(_ENDPOINTS[op], asked, kind, "^ledger$")


class JsonWork(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def work(self, op: str, asked: BaseDoc, kind: type[D]) -> list[D]:
        """What the service answers to a document, by the operation's name."""
        answer = await self.call(op, _body(op, asked))
        if op not in _LISTS:
            return [read(kind, answer)]
        items = answer.get(_LISTS[op])
        if not isinstance(items, list):
            raise ServiceError(Code.INTERNAL, f"The answer holds no list {_LISTS[op]}.")
        return [read(kind, item) for item in items]


def _body(op: str, asked: BaseDoc) -> dict[str, Any]:
    body = {name: value for name in _FIELDS[op] if (value := getattr(asked, name))}
    if op == "queue":
        body["state"] = body.get("state", "all")
    if op in _IDS:
        body["id"] = body.pop(_IDS[op], "")
    return body
