"""The models' part of the JSON contract: which the judge may be, and which it is."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import Lookup, ModelVersion
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body, plain
from executors.gateway.routing.rooms import Rooms


class ModelApi:
    """Each operation takes the request's JSON object and returns the answer's.

    Both raise `RequestError` for a request that cannot be read, and `ServiceError` when the judge
    is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self) -> Body:
        """`{"models": […]}`: of each replica of the judge, what it may load and what serves."""
        return {"models": [plain(model) for model in await self._asked("list", "")]}

    async def load(self, body: Body) -> Body:
        """`{"name": …}` → `{"models": […]}`, what serves now, of each replica one.

        Raises the first replica's problem where none has loaded it; else a replica's problem stands
        in its own answer.
        """
        name = body.get("name") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise RequestError(Code.MALFORMED, '"name" must be text')
        found = await self._asked("load", name)
        if all(model.problem for model in found):
            problem = found[0].problem
            code = Code(problem.code)
            raise (ServiceError if STATUS[code].http >= 500 else RequestError)(code, problem.detail)
        return {"models": [plain(model) for model in found]}

    async def _asked(self, what: str, name: str) -> DocList[Any]:
        lookups = DocList[Lookup]([Lookup(id=name)])
        return await self._rooms.post(f"/models/{what}", lookups, ModelVersion)
