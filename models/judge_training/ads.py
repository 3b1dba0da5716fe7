"""Training ads: which claim stands in the picture, what the copy says, and the right answer."""

from dataclasses import dataclass
from random import Random

from executors.judge.prompt import (
    INSTRUCTION_PREFIX,
    VERDICT_PREFIX,
    Source,
    full_answer,
    label_answer,
    messages,
    rules_text,
)
from models.judge_training.attacks import attacked_copy, attacks
from models.judge_training.policies import TrainingPolicy, draw_policy
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
UNKNOWN = "unknown"
_HANZI = tuple(sorted({c for claim in VIOLATING + COMPLIANT for c in claim.text if c >= "一"}))


@dataclass(frozen=True)
class TrainingAd:
    """One ad before it is rendered: the claims in its picture and in its copy, None without one."""

    picture: Claim | None
    said: Claim | None
    copy: str
    market: str
    instruction: bool = False
    """Picture or copy speaks to the reviewer."""

    @property
    def known(self) -> bool:
        """Whether anybody knows the right answer: not for words that are no claim."""
        return all(claim is None or claim.id != UNKNOWN for claim in (self.picture, self.said))

    def claims(self) -> list[tuple[Source, Claim]]:
        """What the ad says, the picture's claim first; a claim of both stands twice."""
        placed: tuple[tuple[Source, Claim | None], ...] = (
            ("picture", self.picture),
            ("copy", self.said),
        )
        return [(source, claim) for source, claim in placed if claim is not None]

    def findings(self, policy: TrainingPolicy) -> list[tuple[int, int]]:
        """Pairs of a claim and the rule that it breaks, by their places from 1."""
        rules = [policy.rule_of(claim) for _, claim in self.claims()]
        return [(place, rule) for place, rule in enumerate(rules, 1) if rule is not None]

    def violates(self, policy: TrainingPolicy) -> bool:
        return bool(self.findings(policy))


def draw_claim(rng: Random) -> Claim:
    """Draw a claim; more violating ones, since a policy may lack the rule that they break."""
    return rng.choice(VIOLATING if rng.random() < 0.6 else COMPLIANT)


def unknown_claim(rng: Random) -> Claim:
    """Draw words that are no known claim: nobody should be sure about them."""
    language = rng.choice(("en", "zh"))
    if language == "en":
        text = " ".join(rng.sample(_WORDS, rng.randint(2, 5))).capitalize()
    else:
        text = "".join(rng.choice(_HANZI) for _ in range(rng.randint(4, 9)))
    return Claim(UNKNOWN, text, language, "", None, rng.choice(("CN", "US", "EU")), "food")


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


def training_ad(
    picture: Claim | None,
    rng: Random,
    *,
    unknown: float = 0.0,
    attacked: float = 0.0,
    policy: TrainingPolicy | None = None,
) -> TrainingAd:
    """Compose an ad around the claim in its picture, or a copy-only one when there is none.

    `unknown` is the share of copy-only ads whose text is no known claim, `attacked` that of copies
    with words that speak to the reviewer. Under a `policy` half of the copies break it, however
    few rules it has: its length must not give the answer away.
    """
    said = _copy_claim(picture, rng, unknown, policy)
    claim = picture or said
    if claim is None:
        language, market = rng.choice(("en", "zh")), rng.choice(("CN", "US", "EU"))
    else:
        language, market = claim.language, _market(claim, rng)
    copy = ""
    if said is not None:
        copy = copy_around(said.text, said.language, rng)
    elif picture is None or rng.random() < 0.35:
        copy = copy_around("", language, rng)
    instruction = rng.random() < attacked
    if instruction:
        copy = attacked_copy(copy, rng)
    return TrainingAd(picture, said, copy, market, instruction)


def _copy_claim(
    picture: Claim | None, rng: Random, unknown: float, policy: TrainingPolicy | None
) -> Claim | None:
    if picture is None:
        if rng.random() < unknown:
            return unknown_claim(rng)
        if rng.random() < 0.08:
            return None
        return draw_claim(rng) if policy is None else _under(policy, rng)
    if picture.id == UNKNOWN or rng.random() < 0.6:
        return None
    if rng.random() < 0.1:
        return picture
    violating = rng.random() < 0.5
    wanted = VIOLATING if violating else COMPLIANT
    return rng.choice([claim for claim in wanted if claim.market == picture.market])


def _under(policy: TrainingPolicy, rng: Random) -> Claim:
    broken = [claim for claim in VIOLATING if policy.rule_of(claim)]
    allowed = [claim for claim in VIOLATING if not policy.rule_of(claim)]
    kind = rng.random()
    if broken and kind < 0.52:
        return rng.choice(broken)
    return rng.choice(allowed if allowed and kind < 0.78 else COMPLIANT)


def _market(claim: Claim, rng: Random) -> str:
    return claim.market if rng.random() < 0.75 else "any"


def corpus(seed: int = 0) -> list[str]:
    """Return texts for the tokenizer: claims most, copy, rules and answers around them."""
    rng = Random(seed)
    texts = [claim.text for claim in VIOLATING + COMPLIANT for _ in range(8)]
    for number, claim in enumerate(VIOLATING + COMPLIANT):
        texts += [copy_around(claim.text, claim.language, rng) for _ in range(3)]
        claims: list[tuple[Source, str]] = [("picture", claim.text), ("copy", claim.text)]
        texts.append(full_answer(claims, [(1, number % 24 + 1), (2, number // 2 % 24 + 1)]))
        texts.append(full_answer(claims[1:], []))
    texts += [rules_text("compact", draw_policy(rng).rules) for _ in range(300)]
    for market in ("CN", "US", "EU", "any") * 20:
        chat = messages("compact", market=market, copy="", has_image=False, rules=())
        texts += [f"{turn['role']}\nassistant\n{turn['content'][0]['text']}" for turn in chat]  # type: ignore[index]
        texts += [label_answer(prefix, True) for prefix in (VERDICT_PREFIX, INSTRUCTION_PREFIX)]
    return texts + list(_WORDS) + list(attacks("copy")) * 2
