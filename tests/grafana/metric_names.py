"""The metrics and labels that an expression asks for."""

from __future__ import annotations

import re
from typing import Any

import promql_parser


def parsed(expression: str) -> Any:
    """Its syntax tree, with a window in Grafana's place. Raises `ValueError` for what is none."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m"))


def metrics(expression: str) -> dict[str, set[str]]:
    """The names of its metrics, each with the labels that it is selected by."""
    found: dict[str, set[str]] = {}
    _collect(parsed(expression), found)
    return found


def grouped(expression: str) -> set[str]:
    """The labels that its sums are by."""
    return {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
    }


def _collect(node: Any, found: dict[str, set[str]]) -> None:
    if isinstance(node, promql_parser.VectorSelector):
        labels = found.setdefault(node.name, set())
        labels |= {matcher.name for matcher in node.matchers.matchers}
        return
    children = [getattr(node, part, None) for part in ("lhs", "rhs", "expr", "vector_selector")]
    children += [*getattr(node, "args", []), getattr(node, "param", None)]
    for child in children:
        if child is not None:
            _collect(child, found)
