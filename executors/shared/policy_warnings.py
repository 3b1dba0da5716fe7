"""What a policy may hold and seldom means: said by `adjudicate policy check`, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from executors.shared.policy_yaml import Fault, RuleSource
from executors.shared.rule import KNOWN_CATEGORIES, Market, Product, Rule

_SHORT_TERM = {"zh": 2, "en": 3}
"""Characters below which a term stands in much that is harmless."""


def warnings_of(folder: Path, rules: Sequence[tuple[RuleSource, Rule]]) -> Iterator[Fault]:
    """The warnings about a folder and its sound rules."""
    for path in sorted(folder.glob("*.yml")):
        yield Fault("is not read: the names of policy files end in .yaml", path.name)
    for source, rule in rules:
        yield from _of_rule(source, rule)


def gaps_of(rules: Sequence[Rule]) -> Iterator[Fault]:
    """The warning that some kinds of ads, such as `US food`, are held to no rule."""
    gaps = [
        f"{market} {product}"
        for market in get_args(Market)
        for product in get_args(Product)
        if not any(rule.enabled and rule.applies(market, product) for rule in rules)
    ]
    if gaps:
        yield Fault(f"no enabled rule is for ads of {', '.join(gaps)}")


def _of_rule(source: RuleSource, rule: Rule) -> Iterator[Fault]:
    if not rule.examples:
        yield source.fault("has none: a claim that breaks the rule explains it", ["examples"])
    if not rule.terms:
        yield source.fault(
            "has none: an ad is held against the rule only where an exemplar flags it", ["terms"]
        )
    for place, term in enumerate(rule.terms):
        least = _SHORT_TERM["zh" if _chinese(term) else "en"]
        if len(term) < least:
            said = f"{term!r} has fewer than {least} characters: it will stand in harmless copy"
            yield source.fault(said, ["terms", place])
    for place, example in enumerate(rule.examples):
        if (example.language == "zh") is not _chinese(example.text):
            said = f"{example.text!r} does not look like {example.language}"
            yield source.fault(said, ["examples", place])
    for place, category in enumerate(rule.categories):
        near = get_close_matches(category, KNOWN_CATEGORIES, n=1, cutoff=0.7)
        if category not in KNOWN_CATEGORIES and near:
            said = f"{category} is not a category of the shipped judge: did you mean {near[0]}?"
            yield source.fault(said, ["categories", place])


def _chinese(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text)
