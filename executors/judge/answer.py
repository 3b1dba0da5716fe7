"""What the judge wrote, read strictly: an answer holds against the policy or it is unusable."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

MAX_CLAIM = 500
MAX_RATIONALE = 1_000
"""Characters; a longer one means that the model ran on."""


class UnusableAnswer(ValueError):
    """The answer cannot be used. The message says why; the ad is escalated."""


@dataclass(frozen=True)
class Answer:
    """A usable answer. `rule` is a code of the policy exactly when `violation`."""

    claim: str
    rule: str | None
    violation: bool
    rationale: str


def parse(text: str, codes: Collection[str]) -> Answer:
    """Read one answer of the judge; `codes` are the rules that it may name.

    Raises `UnusableAnswer` when it is not exactly one JSON object (a Markdown fence around it is
    forgiven), a field is missing or of a wrong type, holds control characters or is too long, a
    violation names no claim or a rule that is not in `codes`, or rule and verdict contradict.
    """
    data = _object(text)
    violation = data.get("violation")
    if not isinstance(violation, bool):
        raise UnusableAnswer("violation is neither true nor false")
    claim = _text(data, "claim", MAX_CLAIM)
    rationale = _text(data, "rationale", MAX_RATIONALE, missing="")
    rule = data.get("rule")
    if rule is not None and (not isinstance(rule, str) or rule not in codes):
        raise UnusableAnswer("the rule does not stand in the policy for this ad")
    if violation != (rule is not None):
        raise UnusableAnswer("the verdict and the rule contradict each other")
    if violation and not claim:
        raise UnusableAnswer("a violation without a claim")
    return Answer(claim, rule, violation, rationale)


def is_quoted(claim: str, copy: str) -> bool:
    """Whether `claim` stands in `copy`, whatever the case, width and spacing of characters."""
    return _folded(claim) in _folded(copy)


def _object(text: str) -> dict[str, Any]:
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, re.DOTALL)
    try:
        data = json.loads(fenced.group(1) if fenced else text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise UnusableAnswer("not one JSON object") from None
    if not isinstance(data, dict):
        raise UnusableAnswer("not one JSON object")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice")
    return data


def _text(data: dict[str, Any], name: str, limit: int, missing: str | None = None) -> str:
    value = data.get(name, missing)
    if not isinstance(value, str):
        raise UnusableAnswer(f"{name} is not text")
    if len(value) > limit:
        raise UnusableAnswer(f"{name} has more than {limit} characters")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise UnusableAnswer(f"{name} holds control characters")
    return value.strip()


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).casefold())
