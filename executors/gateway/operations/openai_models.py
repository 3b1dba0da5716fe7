"""The models as OpenAI lists them: what a request may name, beside what the judge may be."""

from __future__ import annotations

from collections.abc import Sequence

from docarray import DocList

from adjudicate.documents import RoomStatus
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.models import ModelApi
from executors.gateway.operations.moderations import MODEL
from executors.gateway.routing.rooms import Rooms


class ModelListApi:
    """Raises as `ModelApi`."""

    def __init__(self, rooms: Rooms, models: ModelApi) -> None:
        self._rooms = rooms
        self._models = models

    async def list(self) -> Body:
        """`{"object": "list", "data": [{id, …}], "models": […]}`: `data` for OpenAI's clients,
        `models` as `ModelApi.list`, empty for who may not see them."""
        try:
            models = (await self._models.list())["models"]
        except RequestError as error:
            if error.code is not Code.FORBIDDEN:
                raise
            models = []
        return {
            "object": "list",
            "data": [_model(name) for name in await self._names()],
            "models": models,
        }

    async def get(self, name: str) -> Body:
        """One of `data`. Raises `RequestError` `not_found`."""
        known = await self._names()
        if name not in known:
            named = ", ".join(known)
            raise RequestError(Code.NOT_FOUND, f"there is no model {name[:100]!r}, only {named}")
        return _model(name)

    async def _names(self) -> Sequence[str]:
        asked = DocList[RoomStatus]([RoomStatus(room="encoder")])
        try:
            found = await self._rooms.post("/status", asked, RoomStatus, room="encoder")
        except ServiceError:
            return [MODEL]
        version = found[0].facts.get("version") if found else None
        return [MODEL, version] if version else [MODEL]


def _model(name: str) -> Body:
    return {"id": name, "object": "model", "created": 0, "owned_by": "adjudicate"}
