"""What decisions are looked for by, and the rows that were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from executors.gateway.console.views.requests import day

FIELDS = (
    *("text", "id", "advertiser", "outcome", "rule", "market", "product"),
    *("since", "until", "phash", "picture"),
)
"""Of the page's URL; `since` and `until` are days, both included."""
PAGE = 50

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A decision in a list."""

    data: Data

    @property
    def path(self) -> str:
        """Of its case, below the console."""
        return case_path(str(self.data["id"]))

    @property
    def overruled(self) -> bool:
        """Whether people, or propagation, say otherwise than the decision."""
        return self.data["ruling_outcome"] not in ("", self.data["outcome"])


def case_path(decision_id: str) -> str:
    """The page of a decision's case, below the console."""
    return f"/cases/{quote(decision_id, safe='')}"


def asked_of(values: Mapping[str, str]) -> dict[str, Any]:
    """The operation's question from the page's fields: days become moments."""
    asked: dict[str, Any] = {name: values[name] for name in FIELDS if values.get(name)}
    for name, after in (("since", 0), ("until", 1)):
        if name in asked:
            asked[name] = day(asked[name], after)
    return {name: value for name, value in asked.items() if value}


def rows_of(found: Data) -> list[Row]:
    """The rows of an answer."""
    return [Row(row) for row in found["decisions"]]
