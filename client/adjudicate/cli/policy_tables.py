"""Rules for people: tables, differences, the result of a check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, get_args

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from executors.shared.policy import Market, Policy, Product, Rule
from executors.shared.policy_report import Report

PIPED = 160
"""Columns where there is no terminal that has any."""
_WIDE = 120
"""Columns from which on a table shows everything."""


def rule_table(rules: Iterable[Rule], language: str, width: int) -> Table:
    """The rules; below `_WIDE` columns only code, law and text."""
    wide = width >= _WIDE
    table = Table(box=box.SIMPLE, expand=True)
    table.add_column("code", no_wrap=True)
    table.add_column("law", max_width=30)
    if wide:
        for name in ("markets", "products", "categories", "severity"):
            table.add_column(name, max_width=22)
    # Chinese has no spaces to break lines at.
    table.add_column("rule", ratio=1, overflow="fold")
    for rule in rules:
        said = Text(rule.text_in(language))
        facts = (rule.markets, rule.products, rule.categories)
        table.add_row(
            Text(rule.code),
            Text(f"{rule.law}, {rule.article}"),
            *((*map(_joined, facts), Text(rule.severity)) if wide else ()),
            said if rule.enabled else Text("off  ", style="bold red").append_text(said),
        )
    return table


def rule_panel(rule: Rule, language: str) -> RenderableType:
    """Everything about one rule."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    rows = {
        "law": f"{rule.law}, {rule.article}",
        "markets": ", ".join(rule.markets),
        "products": ", ".join(rule.products),
        "categories": ", ".join(rule.categories),
        "severity": rule.severity,
        "enabled": "" if rule.enabled else "no: no ad is held to it",
        "rule": rule.text_in(language),
        "examples": "\n".join(example.text for example in rule.examples),
        "terms": ", ".join(rule.terms),
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, Text(value))
    return Panel(facts, title=rule.code, title_align="left")


def rule_as_json(rule: Rule) -> dict[str, Any]:
    """The fields of its file."""
    return rule.model_dump(mode="json", by_alias=True)


def summary(report: Report, policy: Policy | None) -> str:
    """`21 rules in 5 files; markets CN, US; products food; policy 0123456789ab`."""
    if policy is None:
        return f"{count(len(report.problems), 'problem')}; the policy cannot be used"
    off = f" ({len(policy.off)} off)" if policy.off else ""
    parts = [
        f"{count(len(report.rules), 'rule')}{off} in {count(len(report.files), 'file')}",
        f"markets {', '.join(_markets(policy))}",
        f"products {', '.join(_products(policy))}",
        f"policy {policy.version}",
    ]
    return "; ".join(parts)


def count(number: int, thing: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def report_as_json(report: Report, policy: Policy | None) -> str:
    """One object; `version` is null for a policy that cannot be used."""
    return json.dumps(
        {
            "version": policy and policy.version,
            "files": report.files,
            "rules": [rule.code for rule in report.rules],
            "off": list(policy.off) if policy else [],
            "markets": _markets(policy) if policy else [],
            "products": _products(policy) if policy else [],
            "problems": [asdict(fault) for fault in report.problems],
            "warnings": [asdict(fault) for fault in report.warnings],
        },
        ensure_ascii=False,
    )


def difference(before: Policy, after: Policy) -> dict[str, Any]:
    """What `after` adds, removes and changes by field, and the ads that are judged anew."""
    one, other = ({**policy.rules, **policy.off} for policy in (before, after))
    changed = {}
    for code in one.keys() & other.keys():
        old, new = rule_as_json(one[code]), rule_as_json(other[code])
        fields = {name: [old[name], new[name]] for name in old if old[name] != new[name]}
        if fields:
            changed[code] = fields
    return {
        "versions": [before.version, after.version],
        "added": [code for code in other if code not in one],
        "removed": [code for code in one if code not in other],
        "changed": {code: changed[code] for code in other if code in changed},
        "judged_anew": [
            f"{market} {product}"
            for market in get_args(Market)
            for product in get_args(Product)
            if _verdicts(before, market, product) != _verdicts(after, market, product)
        ],
    }


def difference_lines(found: dict[str, Any]) -> Iterator[str]:
    """The same as text."""
    before, after = found["versions"]
    if before == after:
        yield f"no difference: policy {before}"
        return
    for code in found["added"]:
        yield f"+ {code}"
    for code in found["removed"]:
        yield f"- {code}"
    for code, fields in found["changed"].items():
        for name, (old, new) in fields.items():
            yield f"~ {code}, {name}: {_change(old, new)}"
    anew = ", ".join(found["judged_anew"]) or "none: what is judged stays the same"
    yield f"policy {before} -> {after}; ads that are judged anew: {anew}"


def _change(old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list):
        gone = [f"-{_word(item)}" for item in old if item not in new]
        come = [f"+{_word(item)}" for item in new if item not in old]
        return ", ".join([*gone, *come]) or "another order"
    if isinstance(old, dict):
        return "; ".join(f"{k}: {v} -> {new[k]}" for k, v in old.items() if v != new[k])
    return f"{_word(old)} -> {_word(new)}"


def _word(item: Any) -> str:
    if isinstance(item, bool):
        return str(item).lower()
    return str(item["text"]) if isinstance(item, dict) else str(item)


def _verdicts(policy: Policy, market: str, product: str) -> str:
    return policy.version_of(policy.applicable(market, product))


def _markets(policy: Policy) -> list[str]:
    return [m for m in get_args(Market) if any(m in r.markets for r in policy.rules.values())]


def _products(policy: Policy) -> list[str]:
    return [p for p in get_args(Product) if any(p in r.products for r in policy.rules.values())]


def _joined(words: Iterable[str]) -> Text:
    return Text(", ".join(words))
