"""Quality over time in the JSON contract: figures, the reference of drift, people's verdicts."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import PersonVerdict, Problem, Quality, Reference
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body, plain
from executors.gateway.routing.rooms import Rooms

_REFERENCE = {"note": "note", "by": "created_by"}
_VERDICT = ("verdict", "by", "note")


class QualityApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    a room is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def figures(self, query: Body) -> Body:
        """`{hours?}` → a `Quality`."""
        asked = Quality(hours=hours_of(query))
        return _without_id(await self._one("/quality", asked, Quality))

    async def set_reference(self, body: Body) -> Body:
        """`{hours?, note?, by?}` → the `Reference` that counts from now on."""
        fields = {name: _text(body, key) for key, name in _REFERENCE.items()}
        asked = Reference(hours=hours_of(body), **fields)
        return _without_id(await self._one("/quality/reference", asked, Reference))

    async def verdict(self, decision_id: str, body: Body) -> Body:
        """`{verdict, by, note?}` → the `PersonVerdict` as it is held."""
        asked = PersonVerdict(id=decision_id, **{name: _text(body, name) for name in _VERDICT})
        answer = await self._one("/decision/verdict", asked, PersonVerdict)
        return {name: value for name, value in answer.items() if name != "caller"}

    async def _one(self, endpoint: str, asked: Any, kind: Any) -> Body:
        (answer,) = await self._rooms.post(endpoint, DocList[kind]([asked]), kind)
        problem: Problem | None = answer.problem
        if problem is not None:
            code = Code(problem.code)
            raise (ServiceError if STATUS[code].http >= 500 else RequestError)(code, problem.detail)
        return plain(answer)


def _without_id(value: Any) -> Any:
    """Without the ids of the documents, which only Jina needs."""
    if isinstance(value, list):
        return [_without_id(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_id(inner) for name, inner in value.items() if name != "id"}
    return value


def hours_of(body: Body) -> float:
    """The `hours` of a body or query, 0 where it says none. Raises `RequestError`."""
    value = body.get("hours") if isinstance(body, dict) else None
    if value is None:
        return 0.0
    try:
        if isinstance(value, bool):
            raise ValueError
        hours = float(value)
    except (TypeError, ValueError):
        raise RequestError(Code.MALFORMED, "hours must be a number") from None
    if hours == 0:
        raise RequestError(Code.INVALID_FIELD, "hours must be above 0")
    return hours


def _text(body: Body, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(Code.INVALID_FIELD, f"{name} must be text")
    return value
