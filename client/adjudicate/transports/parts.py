"""What the parts of a transport stand on: its way to ask, and how an answer is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from docarray import BaseDoc, DocList
from pydantic import ValidationError

from adjudicate.errors import Code, ServiceError, fault

D = TypeVar("D", bound=BaseDoc)


class GrpcPart(ABC):
    """Of the transport that asks the rooms' endpoints."""

    @abstractmethod
    async def _post(
        self,
        endpoint: str,
        docs: DocList[Any],
        answer: type[D],
        *,
        rooms: str = "",
        parameters: Mapping[str, Any] | None = None,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> list[D]:
        """The answer's documents. `rooms`: a pattern of those that answer; empty for the Flow's."""

    async def _ask(self, endpoint: str, asked: BaseDoc, answer: type[D], rooms: str) -> list[D]:
        """Of one document: a problem in the answer is the request's."""
        docs = DocList[type(asked)]([asked])
        return [sound(one) for one in await self._post(endpoint, docs, answer, rooms=rooms)]

    async def _ask_one(self, endpoint: str, asked: BaseDoc, answer: type[D], rooms: str) -> D:
        """The one document of the answer. Raises `ServiceError` when there is none."""
        found = await self._ask(endpoint, asked, answer, rooms)
        if not found:
            raise ServiceError(Code.INTERNAL, f"The answer holds no {answer.__name__}.")
        return found[0]


class JsonPart(ABC):
    """Of the transports that ask by an operation's name."""

    @abstractmethod
    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """One operation by its name on the WebSocket, e.g. `library.list`; the answer's body."""


def read(kind: type[D], data: Any) -> D:
    """A document of the answer. Raises `ServiceError` when the service sent something else."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"The answer holds no {kind.__name__}: {where}: {first['msg']}"
        raise ServiceError(Code.INTERNAL, detail) from error


def sound(answer: Any) -> Any:
    """The answer. Its problem, where the request was about it alone, is the request's."""
    if answer.problem is not None:
        raise fault(Code(answer.problem.code), answer.problem.detail)
    return answer
