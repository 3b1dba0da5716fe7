"""Ranking and zero-shot classification over the three transports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docarray import DocList
from pydantic import ValidationError

from adjudicate.documents import Candidate, Ranking
from adjudicate.errors import Code, ServiceError
from adjudicate.transports.parts import GrpcPart, JsonPart

_SENT = {"id", "image", "text"}


class GrpcRankings(GrpcPart):
    """By the encoder's endpoints."""

    async def rank(self, queries: Sequence[Ranking]) -> list[Ranking]:
        """Each query with its candidates, the best first."""
        return await self._post("/rank", DocList[Ranking](queries), Ranking, rooms="^encoder$")

    async def classify(
        self, queries: Sequence[Ranking], labels: Sequence[str], template: str
    ) -> list[Ranking]:
        """Each query with the labels as candidates, the most probable first."""
        asked = DocList[Ranking](
            query.model_copy(
                update={
                    "template": template,
                    "candidates": DocList[Candidate](Candidate(text=label) for label in labels),
                }
            )
            for query in queries
        )
        return await self._post("/classify", asked, Ranking, rooms="^encoder$")


class JsonRankings(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def rank(self, queries: Sequence[Ranking]) -> list[Ranking]:
        """Each query with its candidates, the best first."""
        bodies = [
            {
                **_plain(query),
                "template": query.template,
                "candidates": [_plain(candidate) for candidate in query.candidates],
            }
            for query in queries
        ]
        return _read(await self.call("rank", {"queries": bodies}))

    async def classify(
        self, queries: Sequence[Ranking], labels: Sequence[str], template: str
    ) -> list[Ranking]:
        """Each query with the labels as candidates, the most probable first."""
        body = {"labels": list(labels), "template": template}
        plain = [_plain(query) for query in queries]
        return _read(await self.call("classify", {"queries": plain, **body}))


def _plain(document: Ranking | Candidate) -> dict[str, Any]:
    return document.model_dump(mode="json", include=_SENT, exclude_none=True)


def _read(answer: dict[str, Any]) -> list[Ranking]:
    items = answer.get("rankings")
    try:
        assert isinstance(items, list)
        return [Ranking.model_validate(item) for item in items]
    except (AssertionError, ValidationError) as error:
        raise ServiceError(Code.INTERNAL, "The answer holds no rankings.") from error
