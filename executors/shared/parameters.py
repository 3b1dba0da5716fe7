"""What a request's `parameters` may ask for: protobuf carries every number as a float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adjudicate.errors import AdError, Code


def whole_number(
    parameters: Mapping[str, Any], name: str, default: int, *, least: int = 0, most: int
) -> int:
    """The parameter as a whole number of `least` to `most`.

    Raises `AdError` of code `invalid_field` for anything else.
    """
    value = parameters.get(name)
    if value is None:
        return default
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value != value // 1 or not least <= value <= most:
        raise AdError(Code.INVALID_FIELD, f"{name} must be a whole number of {least} to {most:,}")
    return int(value)


def words(parameters: Mapping[str, Any], name: str) -> str:
    """The parameter as text; empty when it is not given.

    Raises `AdError` of code `invalid_field` for anything that is not text.
    """
    value = parameters.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AdError(Code.INVALID_FIELD, f"{name} must be text")
    return value


def truth(parameters: Mapping[str, Any], name: str) -> bool | None:
    """The parameter as true or false; None when it is not given.

    Raises `AdError` of code `invalid_field` for anything else.
    """
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise AdError(Code.INVALID_FIELD, f"{name} must be true or false")
    return value


def one_of(parameters: Mapping[str, Any], name: str, known: Sequence[str]) -> str:
    """The parameter as one of `known`; the first of them when it is not given.

    Raises `AdError` of code `invalid_field` for anything else.
    """
    value = words(parameters, name) or known[0]
    if value not in known:
        raise AdError(Code.INVALID_FIELD, f"{name} must be one of {', '.join(known)}")
    return value
