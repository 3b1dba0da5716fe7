"""The ad policy: rules as YAML files of a folder, one file per family of law."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adjudicate.errors import ConfigurationError
from executors.shared.policy_report import check_folder
from executors.shared.rule import Example, Language, Market, Product, Rule, RuleWording, Severity

__all__ = [
    "Example",
    "Language",
    "Market",
    "Policy",
    "Product",
    "Rule",
    "RuleWording",
    "Severity",
    "load_policy",
]


@dataclass(frozen=True)
class Policy:
    """The rules by code, in the order of files and rules, and a hash of what they say."""

    rules: Mapping[str, Rule]
    """Those that are enabled: what ads are held to."""
    version: str
    """The first 12 hex digits of the SHA-256 of all rules' normalised content, every field of the
    enabled and of the disabled ones; not of their order, nor of the files' names and layout."""
    off: Mapping[str, Rule] = field(default_factory=dict)
    """Those that are not enabled."""

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Policy:
        """A policy of these rules, the enabled and the others."""
        by_code = {rule.code: rule for rule in rules}
        content = [by_code[code].model_dump(mode="json") for code in sorted(by_code)]
        enabled = {code: rule for code, rule in by_code.items() if rule.enabled}
        off = {code: rule for code, rule in by_code.items() if not rule.enabled}
        return cls(MappingProxyType(enabled), _digest(content), MappingProxyType(off))

    def applicable(self, market: str | None, product: str | None) -> tuple[Rule, ...]:
        """The enabled rules that an ad of this market and product is held to, in the policy's
        order; None means not known."""
        return tuple(rule for rule in self.rules.values() if rule.applies(market, product))

    @staticmethod
    def version_of(rules: Iterable[Rule]) -> str:
        """The version of what an ad was held to, for `rules` as `applicable` gives them: 12 hex
        digits of a SHA-256.

        It depends on what a verdict can depend on: the rules' order (an answer names a rule by its
        place) and of each the code, the text in both languages and the categories. So it stays the
        same when severity, law, article, examples, terms or `enabled` of a rule change, when a
        rule that does not apply to the ad is edited, added or removed, or when a rule's markets or
        products change without touching who is held to it. A cached verdict is good for as long as
        this stays the same; `version` names the whole policy, for the record.
        """
        return _digest([rule.judged_by() for rule in rules])

    def knows(self, code: str) -> bool:
        """Whether a rule has this code, enabled or not."""
        return code in self.rules or code in self.off


def load_policy(folder: Path) -> Policy:
    """Every rule of the folder's `*.yaml` files; files whose name begins with a dot do not count.

    Raises `ConfigurationError` with the first problem, which names the file, the line, the rule
    and the field. `check_folder` finds all of them.
    """
    report = check_folder(folder)
    if report.problems:
        raise ConfigurationError(report.problems[0].sentence())
    return Policy.of(report.rules)


def _digest(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
