"""A room's `when` condition, held against documents that are not unpacked."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from adjudicate.errors import ConfigurationError

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "$eq": operator.eq,
    "$neq": operator.ne,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
}

When = Callable[[Any], bool]


def condition(room: str, query: dict[str, Any] | None) -> When | None:
    """The condition `{field: {$eq: value}}` of flow.yml as a predicate of a document's protobuf.

    Several fields and comparisons must all hold. Raises `ConfigurationError` for any other query.
    """
    if query is None:
        return None
    try:
        tests = [
            (field, _COMPARE[sign], value)
            for field, comparisons in query.items()
            for sign, value in comparisons.items()
        ]
    except (AttributeError, KeyError):
        raise ConfigurationError(
            f"flow.yml, {room}: `when` may be {{field: {{$eq: value}}}}, with one of "
            f"{', '.join(_COMPARE)}, not {query}."
        ) from None

    def holds(document: Any) -> bool:
        return all(
            field in document.data and compare(scalar(document.data[field]), value)
            for field, compare, value in tests
        )

    return holds


def scalar(node: Any) -> Any:
    """What a field of a document's protobuf holds; None for nothing."""
    kind = node.WhichOneof("content")
    return None if kind is None else getattr(node, kind)
