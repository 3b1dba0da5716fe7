"""The ad policy: rules as YAML files of a folder, one file per family of law."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adjudicate.errors import ConfigurationError

Market = Literal["CN", "US", "EU"]
Product = Literal["drug", "device", "food"]
Language = Literal["en", "zh"]
Severity = Literal["low", "medium", "high"]

_Words = Annotated[str, Field(min_length=1)]
_Code = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.-]*$", max_length=40)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class RuleWording(_Part):
    """What the rule says, in our own words, in each language."""

    en: _Words
    zh: _Words


class Example(_Part):
    """A claim that breaks the rule."""

    text: _Words
    language: Language


class Rule(_Part):
    """One rule of the policy. A file's keys are these fields, with `wording` written as `text`."""

    code: _Code
    law: _Words
    article: _Words
    markets: Annotated[tuple[Market, ...], Field(min_length=1)]
    products: Annotated[tuple[Product, ...], Field(min_length=1)]
    severity: Severity
    wording: RuleWording = Field(alias="text")
    examples: tuple[Example, ...] = ()
    terms: tuple[_Words, ...] = ()
    """Words that often carry a claim of this kind. Neither necessary nor sufficient."""

    @property
    def text(self) -> str:
        """The rule in English: what a prompt shows."""
        return self.wording.en

    def text_in(self, language: str | None) -> str:
        """The rule in `language`; in English when it is neither `en` nor `zh`."""
        return self.wording.zh if language == "zh" else self.wording.en

    def applies(self, market: str | None, product: str | None) -> bool:
        """Whether an ad is held to this rule. An unknown market or product is held to all."""
        return (market is None or market in self.markets) and (
            product is None or product in self.products
        )


@dataclass(frozen=True)
class Policy:
    """The rules by code, in the order of files and rules, and a hash of what they say."""

    rules: Mapping[str, Rule]
    version: str
    """The first 12 hex digits of the SHA-256 of the rules' normalised content."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Policy:
        """A policy of these rules. The version does not depend on their order or on layout."""
        by_code = {rule.code: rule for rule in rules}
        content = [by_code[code].model_dump(mode="json") for code in sorted(by_code)]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cls(MappingProxyType(by_code), version)

    def applicable(self, market: str | None, product: str | None) -> tuple[Rule, ...]:
        """The rules that an ad of this market and product is held to; None means not known."""
        return tuple(rule for rule in self.rules.values() if rule.applies(market, product))


def load_policy(folder: Path) -> Policy:
    """Every rule of the folder's `*.yaml` files.

    Raises `ConfigurationError` that names the file, the rule and the field.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"The policy folder {folder} does not exist: set ADJUDICATE_POLICIES to one that does."
        )
    rules: list[Rule] = []
    stands_in: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for rule in _rules_of(path):
            if rule.code in stands_in:
                raise ConfigurationError(
                    f"{path.name}, rule {rule.code}, code: already stands in "
                    f"{stands_in[rule.code]}; a code is used once."
                )
            stands_in[rule.code] = path.name
            rules.append(rule)
    if not rules:
        raise ConfigurationError(f"The policy folder {folder} has no rule in any *.yaml file.")
    return Policy.of(rules)


def _rules_of(path: Path) -> list[Rule]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "wrong syntax"
        raise ConfigurationError(f"{path.name}{line} is not valid YAML: {problem}.") from None
    if not isinstance(content, dict) or set(content) != {"rules"}:
        raise ConfigurationError(f"{path.name} must hold one key, `rules`, and nothing else.")
    if not isinstance(content["rules"], list):
        raise ConfigurationError(f"{path.name}, rules: must be a list.")
    return [_rule(path.name, place, row) for place, row in enumerate(content["rules"], start=1)]


def _rule(file: str, place: int, row: Any) -> Rule:
    code = row.get("code") if isinstance(row, dict) else None
    name = code if isinstance(code, str) and code else f"number {place}"
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the rule itself"
        raise ConfigurationError(f"{file}, rule {name}, {field}: {first['msg']}.") from None
