"""The 80 claims that the embedded models know: 40 that break a rule, 40 that do not."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

CLAIMS_FILE = Path(__file__).with_name("claims.yaml")


@dataclass(frozen=True)
class Claim:
    """One claim. A compliant one has `category == ""` and `rule is None`."""

    id: str
    text: str
    language: str
    category: str
    rule: str | None
    market: str
    product: str

    @property
    def violating(self) -> bool:
        return self.rule is not None


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every claim of `claims.yaml`, the violating ones first."""
    rows = yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))
    violating = [Claim(*row) for row in rows["violating"]]
    compliant = [
        Claim(id_, text, language, "", None, market, product)
        for id_, text, language, market, product in rows["compliant"]
    ]
    return tuple(violating + compliant)


VIOLATING = tuple(claim for claim in load_claims() if claim.violating)
COMPLIANT = tuple(claim for claim in load_claims() if not claim.violating)
CATEGORIES = tuple(dict.fromkeys(claim.category for claim in VIOLATING))
