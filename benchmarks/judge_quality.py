"""How well the judge reads ads that it was never trained on: `python -m benchmarks.judge_quality`.

Renders with fixed seeds in four subsets (new seeds, an unseen font, an unseen layout, both) and ads
of copy alone, through the judge's own backend: decoding, label passes, constrained answers. The
hardest subset is also judged by other policies: with two rules switched off, and by a house's own.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np

from adjudicate.documents import Case
from adjudicate.images import EncodedImage
from benchmarks._judged import Judged, accuracy, judge, rows, under
from benchmarks.rows import Row, row, table
from executors.judge.qwen.backend import QwenBackend
from executors.shared.policy import Policy, Rule, load_policy
from executors.shared.settings import ROOT, JudgeSettings
from models.judge_training.ads import copy_around, unknown_claim
from models.render.claims import Claim, load_claims
from models.render.fonts import HELD_OUT_FONTS, SEEN_FONTS
from models.render.render import HELD_OUT_LAYOUTS, SEEN_LAYOUTS, render

HARDEST = "unseen font and layout"
SUBSETS = {
    "new seeds": (SEEN_FONTS, SEEN_LAYOUTS),
    "unseen font": (HELD_OUT_FONTS, SEEN_LAYOUTS),
    "unseen layout": (SEEN_FONTS, HELD_OUT_LAYOUTS),
    HARDEST: (HELD_OUT_FONTS, HELD_OUT_LAYOUTS),
}
VALID = {"JSON valid": ">= 1"}
POOLED = VALID | {"violation accuracy": ">= 0.92", "rule accuracy": ">= 0.85"}
HELD_OUT = VALID | {
    "violation accuracy": ">= 0.95",
    "AUC": ">= 0.98",
    "rule accuracy": ">= 0.9",
    "claim quoted exactly": ">= 0.8",
}
OFF = ("CN-AL-16", "EU-83-90")
"""Rules switched off: those that most claims of their market break."""
HOUSE = (
    ("cure", "disease"),
    ("superlative",),
    ("safety", "comparison"),
    ("weight-loss", "pressure"),
)
"""Categories of a house's own rules, one after the other. It has none about endorsement."""
_SEED = 4_100_000
_SIZE = 512
_UNKNOWN = 80


def judge_quality(model_dir: Path, repeats: int = 2) -> list[Row]:
    """Return the figures, `repeats` renders per claim and subset."""
    backend = QwenBackend(JudgeSettings(model=str(model_dir)))
    try:
        return _measured(backend, load_policy(ROOT / "policies"), repeats)
    finally:
        backend.close()


def _measured(backend: QwenBackend, policy: Policy, repeats: int) -> list[Row]:
    found: list[Row] = []
    pooled: list[Judged] = []
    for number, subset in enumerate(SUBSETS):
        judged = judge(backend, policy, list(picture_ads(subset, _SEED + number, repeats)))
        found += rows(subset, judged, HELD_OUT if subset == HARDEST else VALID)
        pooled += judged
    copies = judge(backend, policy, list(copy_ads(_SEED, repeats)))
    return [
        *rows("pooled", pooled, POOLED),
        *found,
        *rows("copy only", copies, VALID),
        *_other_policies(backend, policy, repeats),
        *_unknown(backend, policy),
    ]


def picture_ads(subset: str, seed: int, repeats: int) -> Iterator[tuple[Claim, Case]]:
    """Yield every claim `repeats` times as a picture of 512 pixels, rendered from `seed`."""
    generator = np.random.default_rng(seed)
    for claim in [claim for _ in range(repeats) for claim in load_claims()]:
        yield claim, _picture_ad(claim, subset, generator)


def copy_ads(seed: int, repeats: int) -> Iterator[tuple[Claim, Case]]:
    """Yield every claim `repeats` times within copy, without a picture."""
    rng = Random(seed)
    for claim in [claim for _ in range(repeats) for claim in load_claims()]:
        copy = copy_around(claim.text, claim.language, rng)
        yield claim, Case(text=copy, market=claim.market, language=claim.language)


def strange_ads(policy: Policy, seed: int) -> Iterator[tuple[Claim, Case]]:
    """Yield, in copy alone, the policy's example claims that the shipped model never saw."""
    known = {claim.text for claim in load_claims()}
    rng = Random(seed)
    for rule in policy.rules.values():
        for example in rule.examples:
            if example.text not in known:
                market, product = rule.markets[0], rule.products[0]
                text, language = example.text, example.language
                claim = Claim("unknown", text, language, "", rule.code, market, product)
                yield claim, Case(text=copy_around(text, language, rng), market=market)


def _picture_ad(claim: Claim, subset: str, generator: np.random.Generator) -> Case:
    fonts, layouts = SUBSETS[subset]
    rendered = render(claim, generator, size=_SIZE, fonts=fonts, layouts=layouts)
    buffer = io.BytesIO()
    rendered.image.save(buffer, "JPEG", quality=90)
    image = EncodedImage(buffer.getvalue())
    return Case(image=image, market=claim.market, language=claim.language)


def _other_policies(backend: QwenBackend, policy: Policy, repeats: int) -> list[Row]:
    ads = list(picture_ads(HARDEST, _SEED + 10, repeats))
    edited = Policy.of(rule for rule in policy.rules.values() if rule.code not in OFF)
    kept = {claim.id: None if claim.rule in OFF else claim.rule for claim in load_claims()}
    followed = under(judge(backend, edited, ads), kept)
    switched = {claim.id for claim in load_claims() if claim.rule in OFF}
    off = [each for each in followed if each.claim.id in switched]
    others = [each for each in followed if each.claim.id not in switched]
    name = f"judge, {' and '.join(OFF)} switched off"
    return [
        *rows(name.removeprefix("judge, "), followed, {"violation accuracy": ">= 0.95"} | VALID),
        row(f"{name}: their {len(off)} ads compliant", accuracy(off), "share"),
        row(f"{name}: the {len(others)} others as before", accuracy(others), "share"),
        *_own_codes(backend, ads, "HOUSE", {"rule accuracy": ">= 0.9"} | VALID),
        *_own_codes(backend, ads, "MILL", VALID),
    ]


def _own_codes(
    backend: QwenBackend, ads: Sequence[tuple[Claim, Case]], house: str, bars: dict[str, str]
) -> list[Row]:
    """A policy of a house's own rules. Training had codes that begin with HOUSE, none with MILL."""
    policy = own_policy(house)
    rule_of = {
        claim.id: next(
            (r.code for r in policy.rules.values() if claim.category in r.categories), None
        )
        for claim in load_claims()
    }
    return rows(f"own rules {house}-n", under(judge(backend, policy, ads), rule_of), bars)


def own_policy(house: str) -> Policy:
    """Rules for every market under the codes `house`-1 and on, one for each entry of `HOUSE`."""
    return Policy.of(
        Rule.model_validate(
            {
                "code": f"{house}-{number}",
                "law": "House rules",
                "article": str(number),
                "markets": ["CN", "US", "EU"],
                "products": ["drug", "device", "food"],
                "categories": categories,
                "severity": "high",
                "text": {"en": " and ".join(categories), "zh": "、".join(categories)},
            }
        )
        for number, categories in enumerate(HOUSE, 1)
    )


def _unknown(backend: QwenBackend, policy: Policy) -> list[Row]:
    rng, generator = Random(_SEED), np.random.default_rng(_SEED + 20)
    claims = [unknown_claim(rng) for _ in range(_UNKNOWN)]
    pictures = [(claim, _picture_ad(claim, HARDEST, generator)) for claim in claims]
    shares = {
        "unknown violating claims in copy": list(strange_ads(policy, _SEED)),
        "pictures of other words": pictures,
    }
    found = []
    for name, ads in shares.items():
        scores = np.array([each.probability for each in judge(backend, policy, ads)])
        low, high = float((scores <= 0.35).mean()), float((scores >= 0.65).mean())
        found.append(row(f"judge, {len(ads)} {name}: at p <= 0.35", low, "share"))
        found.append(row(f"judge, {len(ads)} {name}: at p >= 0.65", high, "share"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "judge")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    print(table("judge quality", judge_quality(arguments.model, arguments.repeats)))


if __name__ == "__main__":
    main()
