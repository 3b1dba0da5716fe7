"""Fields of a body or a query as they are given, and a room's answer or its problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body

D = TypeVar("D")


def text_of(body: Body, name: str) -> str:
    """Text of that name, empty where it is not given. Raises `RequestError` `invalid_field`."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise RequestError(Code.INVALID_FIELD, f"{name} must be text, without NUL")
    return value


def texts_of(body: Body, names: Iterable[str]) -> dict[str, str]:
    """Those that are given. Raises as `text_of` does."""
    return {name: text for name in names if (text := text_of(body, name))}


def truth_of(body: Body, name: str) -> bool:
    """`true` or `false`, as JSON or as text; false where it is not given. Raises `RequestError`
    `malformed_request`."""
    value = body.get(name)
    known = {None: False, True: True, False: False, "true": True, "false": False}
    if isinstance(value, bool | str | None) and value in known:
        return known[value]
    raise RequestError(Code.MALFORMED, f"{name} must be true or false")


def sound(answer: D) -> D:
    """The room's answer. Raises `RequestError`, or `ServiceError`, where it has a problem."""
    problem = getattr(answer, "problem", None)
    if problem is None:
        return answer
    code = Code(problem.code)
    raise (ServiceError if STATUS[code].http >= 500 else RequestError)(code, problem.detail)


def names_of(body: Body, name: str, most: int) -> list[str]:
    """A list of text of that name. Raises `RequestError` `malformed_request` for anything else."""
    value: Any = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RequestError(Code.MALFORMED, f"{name} must be a list of text")
    if len(value) > most:
        raise RequestError(Code.MALFORMED, f"{name} must have at most {most} entries")
    return value
