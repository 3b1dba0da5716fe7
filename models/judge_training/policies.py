"""Which rules an ad is held to while training: the real ones, some of them, or a house's own.

The judge must read the rules that stand in its prompt and not only know those of this repository:
a rule that is switched off no longer counts, and a rule of another code counts by its categories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from executors.shared.policy import load_policy
from executors.shared.settings import ROOT
from models.render.claims import VIOLATING, Claim

CATEGORIES = tuple(sorted({claim.category for claim in VIOLATING}))
_MARKETS = ("CN", "US", "EU", None)
_PRODUCTS = (None, None, "drug", "device", "food")
_HOUSES = ("HOUSE", "ACME", "BRAND", "SHOP", "OURS", "TEAM", "Q", "R", "X-1", "AD", "LOCAL", "ZZ")


@dataclass(frozen=True)
class TrainingRule:
    """What the compact prompt shows of a rule."""

    code: str
    categories: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True)
class TrainingPolicy:
    """Rules in their order. `own` says that their codes are made up: categories decide."""

    rules: tuple[TrainingRule, ...]
    own: bool = False

    def rule_of(self, claim: Claim) -> int | None:
        """Return the place, from 1, of the rule that `claim` breaks, or None."""
        for place, rule in enumerate(self.rules, 1):
            if claim.violating and (
                claim.category in rule.categories if self.own else claim.rule == rule.code
            ):
                return place
        return None


@cache
def applicable(market: str | None, product: str | None = None) -> TrainingPolicy:
    """Return the repository's rules for a market and a product, as the service has them."""
    rules = load_policy(ROOT / "policies").applicable(market, product)
    return TrainingPolicy(tuple(TrainingRule(rule.code, rule.categories) for rule in rules))


def draw_policy(rng: Random) -> TrainingPolicy:
    """Draw rules: all, a part, those of a market, or a house's own under codes never seen."""
    kind = rng.random()
    every = list(applicable(None).rules)
    if kind < 0.1:
        return TrainingPolicy(tuple(_maybe_shuffled(every, rng)))
    if kind < 0.55:
        served = applicable(rng.choice(_MARKETS), rng.choice(_PRODUCTS)).rules
        share = rng.choice((1.0, 0.85, rng.uniform(0.2, 0.95)))
        kept = [rule for rule in served if rng.random() < share] or served[:1]
        return TrainingPolicy(tuple(kept))
    if kind < 0.8:
        share = rng.uniform(0.2, 0.95)
        kept = [rule for rule in every if rng.random() < share] or every[:1]
        return TrainingPolicy(tuple(_maybe_shuffled(kept, rng)))
    return _own_policy(rng)


def _own_policy(rng: Random) -> TrainingPolicy:
    house = rng.choice(_HOUSES)
    known = rng.sample(CATEGORIES, rng.randint(2, len(CATEGORIES)))
    rules: list[TrainingRule] = []
    number = rng.randint(1, 9)
    while known:
        taken = [known.pop() for _ in range(min(len(known), rng.choice((1, 1, 1, 2, 3))))]
        rules.append(TrainingRule(f"{house}-{number}", tuple(taken)))
        number += rng.randint(1, 3)
        if rng.random() < 0.1:
            rules.append(TrainingRule(f"{house}-{number}", ()))
            number += 1
    return TrainingPolicy(tuple(_maybe_shuffled(rules, rng)), own=True)


def _maybe_shuffled(rules: Sequence[TrainingRule], rng: Random) -> list[TrainingRule]:
    return rng.sample(list(rules), len(rules)) if rng.random() < 0.5 else list(rules)
