"""What the judge writes: its JSON schema, and how an answer is read, strictly."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from executors.judge.prompt import Source

SCHEMA_VERSION = "2"
"""Changes with the fields below; part of what a cached verdict is known by."""

MAX_CLAIMS = 8
MAX_QUOTE = 300
MAX_RATIONALE = 600
"""Characters; a longer one means that the model ran on."""


class UnusableAnswer(ValueError):
    """The answer cannot be used. The message says why; the ad is escalated."""


@dataclass(frozen=True)
class Claim:
    """The ad's own words, and where they stand."""

    source: Source
    quote: str


@dataclass(frozen=True)
class Breach:
    """A claim that breaks a rule. `rule` is the rule's place among those asked about, from 0."""

    claim: Claim
    rule: int
    rationale: str


@dataclass(frozen=True)
class Answer:
    """A usable answer. `violation` exactly when there are `breaches`."""

    claims: tuple[Claim, ...]
    breaches: tuple[Breach, ...]

    @property
    def violation(self) -> bool:
        return bool(self.breaches)


def _normal(text: str) -> str:
    """Composed (NFC), white space as one space. Raises `ValueError` for control characters."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError("holds control characters")
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


_Text = Annotated[str, AfterValidator(_normal)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Claim(_Part):
    source: Literal["picture", "copy"] = Field(alias="from")
    quote: Annotated[_Text, Field(min_length=1, max_length=MAX_QUOTE)]


class _Finding(_Part):
    claim: int = Field(ge=1, le=MAX_CLAIMS)
    rule: int = Field(ge=1)
    rationale: Annotated[_Text, Field(max_length=MAX_RATIONALE)] = ""


class _Answer(_Part):
    claims: list[_Claim] = Field(max_length=MAX_CLAIMS)
    findings: list[_Finding] = Field(max_length=MAX_CLAIMS)
    violation: bool


def json_schema(rules: int, *, rationale: bool) -> dict[str, Any]:
    """Return the schema of an answer about `rules` rules, for constrained decoding.

    Keys come in the order in which they stand; `rationale` says whether a finding has one.
    """

    def record(**properties: Any) -> dict[str, Any]:
        required = list(properties)
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def text(most: int, least: int = 1) -> dict[str, Any]:
        # No control characters, and none of the escapes that could spell one.
        return {"type": "string", "pattern": rf'^[^\x00-\x1f\x7f-\x9f"\\]{{{least},{most}}}$'}

    claim = record(**{"from": {"enum": ["picture", "copy"]}, "quote": text(MAX_QUOTE)})
    finding = {
        "claim": {"enum": list(range(1, MAX_CLAIMS + 1))},
        "rule": {"enum": list(range(1, max(1, rules) + 1))},
    }
    if rationale:
        finding["rationale"] = text(MAX_RATIONALE)
    return record(
        claims={"type": "array", "items": claim, "maxItems": MAX_CLAIMS},
        findings={
            "type": "array",
            "items": record(**finding),
            "maxItems": MAX_CLAIMS if rules else 0,
        },
        violation={"type": "boolean"},
    )


def parse(text: str, rules: int) -> Answer:
    """Read one answer of the judge to a question about `rules` rules.

    Raises `UnusableAnswer` when it is not exactly one JSON object of the schema (a Markdown fence
    around it is forgiven), a finding is about a claim or a rule that is not there, or findings and
    verdict contradict each other.
    """
    answer = _read(text)
    claims = tuple(Claim(claim.source, claim.quote) for claim in answer.claims)
    breaches = []
    for finding in answer.findings:
        if finding.claim > len(claims):
            raise UnusableAnswer("a finding about a claim that was not quoted")
        if finding.rule > rules:
            raise UnusableAnswer("the rule does not stand in the policy for this ad")
        breaches.append(Breach(claims[finding.claim - 1], finding.rule - 1, finding.rationale))
    if answer.violation != bool(breaches):
        raise UnusableAnswer("the verdict and the findings contradict each other")
    return Answer(claims, tuple(dict.fromkeys(breaches)))


def is_quoted(claim: str, copy: str) -> bool:
    """Whether `claim` stands in `copy`, whatever the case, width and spacing of characters."""
    return _folded(claim) in _folded(copy)


def _read(text: str) -> _Answer:
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, re.DOTALL)
    try:
        data = json.loads(fenced.group(1) if fenced else text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise UnusableAnswer("not one JSON object") from None
    try:
        return _Answer.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise UnusableAnswer(f"{where}: {first['msg']}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice")
    return data


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).casefold())
