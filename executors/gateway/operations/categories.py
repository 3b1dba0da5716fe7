"""A decision in the words of a moderation: categories, and a score for each.

The categories are those that the rules of the policy in force are about, and `other` for what
breaks a rule that is about none.

1. The categories of an ad are those of the rules that it breaks, or may break: the decision's and
   the findings'. A rule is often about several; where the ad also matched an exemplar or a term of
   one of them, only what matched counts. Without a rule it is what matched, or else `other`.
2. In a flagged ad these are true. Their score is the largest of the decision's confidence, the
   findings' probability and the matches' similarity, and 0.5 at least: what people have yet to
   look at is not known to be fine. Other categories that matched have half of the similarity.
3. In an approved ad none is true. If the judge was asked, the score of what would be true is the
   probability of a violation, 1 − confidence; else all are 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from executors.gateway.operations.bodies import Body
from executors.shared.policy import Policy

OTHER = "other"
LEAST = 0.5
"""Score of a category that is true."""


def names(policy: Policy) -> list[str]:
    """Every category of the policy, in its order, and `other`."""
    found = (category for rule in policy.rules.values() for category in rule.categories)
    return list(dict.fromkeys((*found, OTHER)))


def categories(decision: Body, policy: Policy) -> tuple[dict[str, bool], dict[str, float]]:
    """Whether each category holds, and its score of 0 to 1, for a decision as JSON data."""
    matched = _matched(decision["matches"], policy)
    broken = _broken(decision, policy, matched)
    known = dict.fromkeys((*names(policy), *matched, *broken))
    if decision["outcome"] == "approve":
        judged = 1 - decision["confidence"] if decision["judged"] else 0.0
        scores = {name: judged if name in broken else 0.0 for name in known}
        return dict.fromkeys(known, False), scores
    scores = {
        name: max(LEAST, broken[name], matched.get(name, 0.0))
        if name in broken
        else matched.get(name, 0.0) / 2
        for name in known
    }
    return {name: name in broken for name in known}, scores


def _matched(matches: Iterable[Body], policy: Policy) -> dict[str, float]:
    """The best similarity, 0 to 1, by category, of the violations that the ad resembles."""
    found: dict[str, float] = {}
    for match in matches:
        if match["polarity"] == "violation":
            own = [match["category"]] if match["category"] else _about(match["rule"], policy)
            for category in own:
                similarity = min(1.0, max(0.0, match["similarity"]))
                found[category] = max(found.get(category, 0.0), similarity)
    return found


def _broken(decision: Body, policy: Policy, matched: dict[str, float]) -> dict[str, float]:
    """The categories of the ad, with the probability that goes with their rules."""
    rules = {decision["rule"]: decision["confidence"]} if decision["rule"] else {}
    for finding in decision["findings"]:
        if finding["rule"] and finding["verdict"] in ("", "violation"):
            rule = finding["rule"]
            rules[rule] = max(rules.get(rule, 0.0), finding["probability"])
    found: dict[str, float] = {}
    for rule, probability in rules.items():
        about = _about(rule, policy)
        for category in [name for name in about if name in matched] or about:
            found[category] = max(found.get(category, 0.0), probability)
    return found or dict.fromkeys(matched or (OTHER,), 0.0)


def _about(rule: str, policy: Policy) -> list[str]:
    known = policy.rules.get(rule) or policy.off.get(rule)
    return list(known.categories if known else ()) or [OTHER]
