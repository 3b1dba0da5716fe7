"""The JSON contract of ranking and zero-shot classification."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import Candidate, Ranking
from adjudicate.errors import Code, RequestError
from executors.gateway.operations.bodies import Body, items_of, plain
from executors.gateway.routing.rooms import Rooms
from executors.shared.settings import GatewaySettings


class RankingApi:
    """Raises as `Api`; what is wrong with one query or candidate stands in its `problem`."""

    def __init__(self, rooms: Rooms, settings: GatewaySettings) -> None:
        self._rooms = rooms
        self._settings = settings

    async def rank(self, body: Body) -> Body:
        """`{"queries": [{image | text, candidates: [text | {image | text}], template?}]}` →
        `{"rankings": [{id, candidates: [{place, text, similarity, probability, problem}], …}]}`."""
        queries = items_of(body, "queries", self._settings.max_ads)
        return await self._ask("/rank", [Ranking.parse(query) for query in queries])

    async def classify(self, body: Body) -> Body:
        """`{"queries": [{image | text}], "labels": [text], "template"?}` → as `rank`."""
        queries = items_of(body, "queries", self._settings.max_ads)
        labels, template = body.get("labels"), body.get("template", "")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise RequestError(Code.MALFORMED, '"labels" must be a list of texts')
        if not isinstance(template, str):
            raise RequestError(Code.MALFORMED, '"template" must be text')
        rankings = [Ranking.parse(query) for query in queries]
        for ranking in rankings:
            ranking.candidates = DocList[Candidate](Candidate(text=label) for label in labels)
            ranking.template = template
        return await self._ask("/classify", rankings)

    async def _ask(self, endpoint: str, rankings: list[Ranking]) -> Body:
        ranked = await self._rooms.post(endpoint, DocList[Ranking](rankings), Ranking)
        return {"rankings": [_plain(ranking) for ranking in ranked]}


def takes_queries() -> dict[str, Any]:
    """OpenAPI for the body of `rank`."""
    thing = {"type": "object", "properties": _THING}
    candidates = {"type": "array", "items": {"oneOf": [{"type": "string"}, thing]}}
    query = {**_THING, "candidates": candidates, "template": _TEMPLATE}
    return _body({"queries": _list_of(query, ["candidates"])}, ["queries"])


def takes_labels() -> dict[str, Any]:
    """OpenAPI for the body of `classify`."""
    labels = {"type": "array", "items": {"type": "string"}}
    properties = {"queries": _list_of(_THING, []), "labels": labels, "template": _TEMPLATE}
    return _body(properties, ["queries", "labels"])


_TEMPLATE = {"type": "string", "example": "a photo of a {}"}
_THING: dict[str, Any] = {
    "id": {"type": "string"},
    "image": {"type": "string", "format": "byte", "contentEncoding": "base64"},
    "text": {"type": "string"},
}


def _list_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "object", "properties": properties}
    return {"type": "array", "items": {**item, **({"required": required} if required else {})}}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _plain(ranking: Ranking) -> Body:
    data = plain(ranking)
    for name in ("image", "text", "template"):
        data.pop(name, None)
    for candidate in data["candidates"]:
        candidate.pop("image", None)
        candidate.pop("id", None)
        if isinstance(candidate.get("problem"), dict):
            candidate["problem"].pop("id", None)
    return data
