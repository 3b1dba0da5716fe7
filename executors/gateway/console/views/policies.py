"""The policy as people look through it: by law, by market, by word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from executors.shared.policy import Policy
from executors.shared.rule import Rule

SEVERITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Filter:
    """What is looked for; empty: all."""

    text: str = ""
    market: str = ""
    product: str = ""
    severity: str = ""


@dataclass(frozen=True)
class Law:
    """The rules of one law, in the policy's order."""

    name: str
    rules: tuple[Rule, ...]


def laws(policy: Policy, wanted: Filter) -> list[Law]:
    """The rules that fit, those that are not in force after the others of their law."""
    found: dict[str, list[Rule]] = {}
    for rule in (*policy.rules.values(), *policy.off.values()):
        if _fits(rule, wanted):
            found.setdefault(rule.law, []).append(rule)
    return [Law(name, tuple(rules)) for name, rules in found.items()]


def rule_of(policy: Policy, code: str) -> Rule | None:
    """The rule of this code, in force or not."""
    return policy.rules.get(code) or policy.off.get(code)


def categories_of(policy: Policy) -> list[str]:
    """The kinds of claim that the policy's rules name, by name."""
    every = (*policy.rules.values(), *policy.off.values())
    return sorted({category for rule in every for category in rule.categories})


def _fits(rule: Rule, wanted: Filter) -> bool:
    return (
        (not wanted.market or wanted.market in rule.markets)
        and (not wanted.product or wanted.product in rule.products)
        and (not wanted.severity or wanted.severity == rule.severity)
        and _holds(rule, wanted.text)
    )


def _holds(rule: Rule, text: str) -> bool:
    """Whether every word that is looked for stands somewhere in the rule."""
    said = _folded(" ".join(_words(rule)))
    return all(word in said for word in _folded(text).split())


def _words(rule: Rule) -> Iterable[str]:
    yield from (rule.code, rule.law, rule.article, rule.wording.en, rule.wording.zh)
    yield from (*rule.categories, *rule.terms, *(example.text for example in rule.examples))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
