"""Training ads: which claim stands in the picture, what the copy says, and the right answer."""

from dataclasses import dataclass
from random import Random

from models.render.claims import COMPLIANT, VIOLATING, Claim

_BRANDS = (
    "Aurora", "Norvella", "Oakwell", "Lumena", "Vitalis", "Pharmia", "Selene", "Brightwater",
    "康源", "益生堂", "安和", "清泉", "百草", "瑞宁",
)  # fmt: skip
_LEADS = {
    "en": (
        "New from {brand}.", "{brand}:", "Meet {brand}.", "Our bestseller is back.",
        "Hello again!", "{brand} capsules, 60 pieces.", "A good morning starts here.",
        "Dear customers,", "{brand} presents", "For the whole family.", "This spring at {brand}:",
        "Now in stores.", "From our laboratory in Basel.",
    ),
    "zh": (
        "{brand}新品上市。", "{brand}：", "老顾客推荐给新朋友，", "春季上新！",
        "{brand}官方旗舰店。", "每天早晨一杯，", "家中常备，", "亲爱的顾客，",
        "来自{brand}实验室。", "现已到货。",
    ),
}  # fmt: skip
_TAILS = {
    "en": (
        "Shop now.", "Order today at {brand}.", "Free delivery over $30.",
        "Learn more on our website.", "Available in all stores.", "Terms apply.",
        "Details inside.", "60 capsules, $19.99.", "Visit us!", "Batch no. 4417.",
        "Ask for it at your local store.", "Made in the EU.", "Offer ends Sunday.",
    ),
    "zh": (
        "立即购买。", "点击了解详情。", "全国包邮。", "扫码关注我们。", "六十粒，￥99。",
        "详见包装。", "各大门店有售。", "欢迎咨询客服。", "广告", "会员专享价。",
    ),
}  # fmt: skip
_WORDS = (
    "garden", "river", "metal", "paper", "window", "simple", "orange", "coffee", "travel",
    "summer", "winter", "stone", "music", "bright", "silver", "letter", "number", "kitchen",
    "mountain", "cotton", "bicycle", "golden", "little", "street", "evening", "market", "doctor",
    "result", "body", "sleep", "heart", "skin", "blood", "energy", "pain", "relief", "strong",
    "fast", "every", "never", "always", "cure", "heal", "tablet", "weight", "safe", "proven",
    "natural", "daily", "health", "trust", "expert", "works", "better", "best", "risk", "lose",
    "need", "help", "reduces", "ends", "removes", "boosts", "guards", "restores", "repairs",
    "cleans", "improves", "protects", "fights", "smooth", "fresh", "gentle", "clear", "power",
)  # fmt: skip
_HANZI = tuple(sorted({c for claim in VIOLATING + COMPLIANT for c in claim.text if c >= "一"}))


@dataclass(frozen=True)
class TrainingAd:
    """One ad before it is rendered. `violation` is None where nobody knows the right answer."""

    picture: Claim | None
    copy: str
    market: str
    claim: str
    rule: str | None
    violation: bool | None


def draw_claim(rng: Random) -> Claim:
    """Draw a claim, violating or compliant with equal odds."""
    return rng.choice(VIOLATING if rng.random() < 0.5 else COMPLIANT)


def unknown_claim(rng: Random) -> Claim:
    """Draw words that are no known claim: nobody should be sure about them."""
    language = rng.choice(("en", "zh"))
    if language == "en":
        text = " ".join(rng.sample(_WORDS, rng.randint(2, 5))).capitalize()
    else:
        text = "".join(rng.choice(_HANZI) for _ in range(rng.randint(4, 9)))
    return Claim("unknown", text, language, "", None, rng.choice(("CN", "US", "EU")), "food")


def copy_around(text: str, language: str, rng: Random) -> str:
    """Return ad copy with `text` verbatim between templated sentences (or alone)."""
    brand = rng.choice(_BRANDS)
    parts = [
        p.format(brand=brand) for p in rng.sample(_LEADS[language], rng.choice((0, 1, 1, 1, 2)))
    ]
    if text:
        parts.append(
            text + rng.choice(("", ".", "!", ",") if language == "en" else ("", "。", "！", "，"))
        )
    parts += [
        p.format(brand=brand) for p in rng.sample(_TAILS[language], rng.choice((0, 1, 1, 1, 2)))
    ]
    if not parts:
        parts = [rng.choice(_TAILS[language]).format(brand=brand)]
    return (" " if language == "en" else rng.choice(("", " "))).join(parts)


def training_ad(picture: Claim | None, rng: Random, *, unknown: float = 0.0) -> TrainingAd:
    """Compose an ad around the claim in its picture, or a copy-only one when there is none.

    `unknown` is the share of copy-only ads whose text is no known claim.
    """
    if picture is None:
        if rng.random() < unknown:
            claim = unknown_claim(rng)
            return TrainingAd(
                None, copy_around(claim.text, claim.language, rng), claim.market, "", None, None
            )
        if rng.random() < 0.12:
            language = rng.choice(("en", "zh"))
            market = rng.choice(("CN", "US", "EU"))
            return TrainingAd(None, copy_around("", language, rng), market, "", None, False)
        claim = draw_claim(rng)
        copy = copy_around(claim.text, claim.language, rng)
        return TrainingAd(None, copy, _market(claim, rng), claim.text, claim.rule, claim.violating)
    known = picture.id != "unknown"
    kind = rng.random()
    if kind < 0.64 or not known:
        copy = copy_around("", picture.language, rng) if kind < 0.2 else ""
        violation = picture.violating if known else None
        claimed = picture.text if known else ""
        return TrainingAd(picture, copy, _market(picture, rng), claimed, picture.rule, violation)
    second = rng.choice(
        [c for c in (VIOLATING if kind > 0.84 else COMPLIANT) if c.market == picture.market]
    )
    copy = copy_around(second.text, second.language, rng)
    quoted = second if second.violating and not picture.violating else picture
    violation = picture.violating or second.violating
    return TrainingAd(picture, copy, _market(picture, rng), quoted.text, quoted.rule, violation)


def _market(claim: Claim, rng: Random) -> str:
    return claim.market if rng.random() < 0.75 else "any"


def corpus(seed: int = 0) -> list[str]:
    """Return texts for the tokenizer: claims most, copy and answers around them."""
    rng = Random(seed)
    texts = [claim.text for claim in VIOLATING + COMPLIANT for _ in range(4)]
    for claim in VIOLATING + COMPLIANT:
        texts += [copy_around(claim.text, claim.language, rng) for _ in range(3)]
        texts.append(f'{{"claim": "{claim.text}", "rule": "{claim.rule}", "violation": true}}')
        texts.append('{"claim": "", "rule": null, "violation": false}')
    return texts + list(_WORDS)
