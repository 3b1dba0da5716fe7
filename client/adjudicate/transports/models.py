"""The judge's models over the three transports."""

from __future__ import annotations

from typing import Any

from docarray import DocList
from pydantic import ValidationError

from adjudicate.documents import Lookup, ModelVersion
from adjudicate.errors import Code, ServiceError, fault
from adjudicate.transports.parts import GrpcPart, JsonPart


class GrpcModels(GrpcPart):
    """By the judge's endpoints."""

    async def list_models(self) -> list[ModelVersion]:
        """Of each replica, what it may load and what serves."""
        return await self._models("list", "")

    async def load_model(self, name: str) -> list[ModelVersion]:
        """Of each replica, what serves now."""
        found = await self._models("load", name)
        problem = found[0].problem if found else None
        if problem is not None and all(model.problem for model in found):
            raise fault(Code(problem.code), problem.detail)
        return found

    async def _models(self, what: str, name: str) -> list[ModelVersion]:
        sent = DocList[Lookup]([Lookup(id=name)])
        return await self._post(f"/models/{what}", sent, ModelVersion, rooms="^judge$")


class JsonModels(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def list_models(self) -> list[ModelVersion]:
        """Of each replica, what it may load and what serves."""
        return _read(await self.call("models.list", {}))

    async def load_model(self, name: str) -> list[ModelVersion]:
        """Of each replica, what serves now."""
        return _read(await self.call("models.load", {"name": name}))


def _read(answer: dict[str, Any]) -> list[ModelVersion]:
    items = answer.get("models")
    try:
        assert isinstance(items, list)
        return [ModelVersion.model_validate(item) for item in items]
    except (AssertionError, ValidationError) as error:
        raise ServiceError(Code.INTERNAL, "The answer holds no models.") from error
