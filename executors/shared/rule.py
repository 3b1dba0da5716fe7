"""One rule of the ad policy, as its YAML file writes it."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Market = Literal["CN", "US", "EU"]
Product = Literal["drug", "device", "food"]
Language = Literal["en", "zh"]
Severity = Literal["low", "medium", "high"]

KNOWN_CATEGORIES = (
    *("cure", "disease", "superlative", "safety"),
    *("weight-loss", "endorsement", "comparison", "pressure"),
)
"""The kinds of claim that the shipped judge and the sample exemplars know. Others are allowed."""


def _with_letters(term: str) -> str:
    if not any(character.isalnum() for character in unicodedata.normalize("NFKC", term)):
        raise ValueError("has neither letters nor digits")
    return term


_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(min_length=1, max_length=2_000)]
_Claim = Annotated[str, Field(min_length=1, max_length=400)]
_Term = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_with_letters)]
_Category = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=1, max_length=40)
]
_Code = Annotated[
    str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9.-]*$", min_length=1, max_length=40)
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class RuleWording(_Part):
    """What the rule says, in our own words, in each language."""

    en: _Text
    zh: _Text


class Example(_Part):
    """A claim that breaks the rule."""

    text: _Claim
    language: Language


class Rule(_Part):
    """One rule of the policy. A file's keys are these fields, with `wording` written as `text`."""

    code: _Code
    law: _Name
    article: _Name
    markets: Annotated[tuple[Market, ...], Field(min_length=1)]
    products: Annotated[tuple[Product, ...], Field(min_length=1)]
    categories: tuple[_Category, ...] = ()
    """The kinds of claim that it is about, in the words of the exemplars' categories."""
    severity: Severity
    enabled: Annotated[bool, Field(strict=True)] = True
    """False: the rule is kept, but no ad is held to it."""
    wording: RuleWording = Field(alias="text")
    examples: tuple[Example, ...] = ()
    terms: tuple[_Term, ...] = ()
    """Words that often carry a claim of this kind. Neither necessary nor sufficient."""

    @property
    def text(self) -> str:
        """The rule in English: what a prompt shows."""
        return self.wording.en

    def text_in(self, language: str | None) -> str:
        """The rule in `language`; in English when it is neither `en` nor `zh`."""
        return self.wording.zh if language == "zh" else self.wording.en

    def applies(self, market: str | None, product: str | None) -> bool:
        """Whether an ad is held to this rule, were it enabled. None, not known, is held to all."""
        return (market is None or market in self.markets) and (
            product is None or product in self.products
        )

    def judged_by(self) -> dict[str, Any]:
        """What a verdict by this rule can depend on: code, text in both languages, categories."""
        wording = self.wording.model_dump()
        return {"code": self.code, "text": wording, "categories": list(self.categories)}
