"""Quality over time over the three transports."""

from __future__ import annotations

from typing import Any, TypeVar

from docarray import BaseDoc, DocList
from pydantic import ValidationError

from adjudicate.documents import PersonVerdict, Quality, Reference
from adjudicate.errors import Code, ServiceError, fault

D = TypeVar("D", bound=BaseDoc)


class GrpcQuality:
    """By the endpoints of library and ledger."""

    async def quality(self, hours: float) -> Quality:
        """The figures of a window."""
        return await self._one("/quality", Quality(hours=hours), Quality, "^(library|ledger)$")

    async def set_reference(self, asked: Reference) -> Reference:
        """The reference that counts from now on."""
        return await self._one("/quality/reference", asked, Reference, "^library$")

    async def verdict(self, asked: PersonVerdict) -> PersonVerdict:
        """A person's verdict as it is held."""
        return await self._one("/decision/verdict", asked, PersonVerdict, "^ledger$")

    async def _post(
        self, endpoint: str, docs: DocList[Any], answer: Any, *, rooms: str = ""
    ) -> list[Any]:
        """The transport's."""
        raise NotImplementedError

    async def _one(self, endpoint: str, asked: D, kind: type[D], rooms: str) -> D:
        found = await self._post(endpoint, DocList[kind]([asked]), kind, rooms=rooms)
        if not found:
            raise ServiceError(Code.INTERNAL, f"The answer holds no {kind.__name__}.")
        answer = found[0]
        if answer.problem is not None:
            raise fault(Code(answer.problem.code), answer.problem.detail)
        answered: D = answer
        return answered


class JsonQuality:
    """By the operations of HTTP and WebSocket."""

    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """The transport's."""
        raise NotImplementedError

    async def quality(self, hours: float) -> Quality:
        """The figures of a window."""
        return _read(Quality, await self.call("quality", _window(hours)))

    async def set_reference(self, asked: Reference) -> Reference:
        """The reference that counts from now on."""
        body = {**_window(asked.hours), "note": asked.note, "by": asked.created_by}
        return _read(Reference, await self.call("quality.reference", body))

    async def verdict(self, asked: PersonVerdict) -> PersonVerdict:
        """A person's verdict as it is held."""
        body = {"id": asked.id, **{n: getattr(asked, n) for n in ("verdict", "by", "note")}}
        return _read(PersonVerdict, await self.call("decision.verdict", body))


def _window(hours: float) -> dict[str, float]:
    return {"hours": hours} if hours else {}


def _read(kind: type[D], data: dict[str, Any]) -> D:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ServiceError(Code.INTERNAL, f"The answer holds no {kind.__name__}.") from error
