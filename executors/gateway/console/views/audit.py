"""Entries of the audit trail as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executors.gateway.console.views.library import exemplar_path
from executors.gateway.console.views.search import case_path

DEEDS = (
    *("decided", "reviewed", "review_undone", "ruled", "appealed", "appeal_decided"),
    *("propagated", "propagation_undone", "taught", "untaught"),
    *("exemplar_added", "exemplar_changed", "bank_changed", "threshold_set", "reference_set"),
    *("model_loaded", "erased", "expired", "exported", "signed_in"),
)
"""What can be done, in the order of the choice. Others are shown by their codes."""

_OF_DECISIONS = {
    *("decided", "reviewed", "review_undone", "ruled", "appealed", "appeal_decided"),
    *("propagated", "propagation_undone", "taught", "untaught"),
}
_OF_EXEMPLARS = {"exemplar_added", "exemplar_changed"}

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line of the trail."""

    data: Data
    path: str
    """Of what it is about, below the console; empty where nothing has a page."""
    facts: tuple[tuple[str, str], ...]


def entries_of(entries: Sequence[Data]) -> list[Entry]:
    """The entries of an answer, in its order."""
    return [Entry(one, _path(one), _facts(one["facts"])) for one in entries]


def _path(entry: Data) -> str:
    subject = str(entry["subject"])
    if subject and entry["what"] in _OF_DECISIONS:
        return case_path(subject)
    if subject and entry["what"] in _OF_EXEMPLARS:
        return exemplar_path(subject)
    return ""


def _facts(facts: Data) -> tuple[tuple[str, str], ...]:
    """What a line has room for: no hashes, which the export has."""
    return tuple(
        (name, _said(value))
        for name, value in facts.items()
        if value not in ("", None) and len(_said(value)) <= 48
    )


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return f"{value:g}" if isinstance(value, float) else str(value)
