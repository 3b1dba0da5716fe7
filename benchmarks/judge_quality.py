"""How well the judge reads ads that it was never trained on: `python -m benchmarks.judge_quality`.

Renders with fixed seeds in four subsets (new seeds, an unseen font, an unseen layout, both) and ads
of copy alone, through the room's own code: decoding, real processor, verdict pass, generation.
"""

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adjudicate.documents import Case
from adjudicate.images import EncodedImage
from benchmarks.rows import Row, row, table
from executors.judge.answer import UnusableAnswer, parse
from executors.judge.model import Question, QwenJudge
from executors.shared.images import decode
from executors.shared.policy import Policy, load_policy
from executors.shared.settings import ROOT, ImageLimits, JudgeSettings
from models.judge_training.ads import copy_around
from models.judge_training.measure import auc
from models.render.claims import Claim, load_claims
from models.render.fonts import HELD_OUT_FONTS, SEEN_FONTS
from models.render.render import HELD_OUT_LAYOUTS, SEEN_LAYOUTS, render

SUBSETS = {
    "new seeds": (SEEN_FONTS, SEEN_LAYOUTS),
    "unseen font": (HELD_OUT_FONTS, SEEN_LAYOUTS),
    "unseen layout": (SEEN_FONTS, HELD_OUT_LAYOUTS),
    "unseen font and layout": (HELD_OUT_FONTS, HELD_OUT_LAYOUTS),
}
BARS = {"violation accuracy": ">= 0.92", "JSON valid": ">= 1", "rule accuracy": ">= 0.85"}
_SEED = 4_100_000
_SIZE = 512
_BATCH = 16


@dataclass(frozen=True)
class Judged:
    """One ad with its claim, the probability of a violation, and the written answer."""

    claim: Claim
    probability: float
    written: str


def judge_quality(model_dir: Path, repeats: int = 2) -> list[Row]:
    """Return the figures, `repeats` renders per claim and subset; bars stand on the pooled ones."""
    judge = QwenJudge(JudgeSettings(model=str(model_dir)))
    policy = load_policy(ROOT / "policies")
    rows: list[Row] = []
    pooled: list[Judged] = []
    for number, subset in enumerate(SUBSETS):
        judged = _judge(judge, policy, list(picture_ads(subset, _SEED + number, repeats)))
        rows += _rows(subset, judged, policy, {})
        pooled += judged
    strange = _judge(judge, policy, list(strange_ads(policy, _SEED)))
    low = float(np.mean([each.probability <= 0.35 for each in strange]))
    copies = _judge(judge, policy, list(copy_ads(_SEED, repeats)))
    return [
        *_rows("pooled", pooled, policy, BARS),
        *rows,
        *_rows("copy only", copies, policy, {}),
        row(f"judge, {len(strange)} unknown violating claims: at p <= 0.35", low, "share"),
    ]


def picture_ads(subset: str, seed: int, repeats: int) -> Iterator[tuple[Claim, Case]]:
    """Yield every claim `repeats` times as a picture of 512 pixels, rendered from `seed`."""
    fonts, layouts = SUBSETS[subset]
    generator = np.random.default_rng(seed)
    for claim in [claim for _ in range(repeats) for claim in load_claims()]:
        rendered = render(claim, generator, size=_SIZE, fonts=fonts, layouts=layouts)
        buffer = io.BytesIO()
        rendered.image.save(buffer, "JPEG", quality=90)
        image = EncodedImage(buffer.getvalue())
        yield claim, Case(image=image, market=claim.market, language=claim.language)


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


def _judge(judge: QwenJudge, policy: Policy, ads: Sequence[tuple[Claim, Case]]) -> list[Judged]:
    judged: list[Judged] = []
    for start in range(0, len(ads), _BATCH):
        batch = ads[start : start + _BATCH]
        questions = [_question(case, policy) for _, case in batch]
        found = zip(judge.probabilities(questions), judge.answers(questions), strict=True)
        judged += [
            Judged(claim, probability, written)
            for (claim, _), (probability, written) in zip(batch, found, strict=True)
        ]
    return judged


def _question(case: Case, policy: Policy) -> Question:
    image: Image.Image | None = None if case.image is None else decode(case.image, ImageLimits())
    return Question(case.market or "any", case.text, image, policy.applicable(case.market, None))


def _rows(subset: str, judged: Sequence[Judged], policy: Policy, bars: dict[str, str]) -> list[Row]:
    truth: NDArray[np.bool_] = np.array([each.claim.violating for each in judged])
    scores = np.array([each.probability for each in judged])
    bad = [each for each in judged if each.claim.violating]
    values = {
        "violation accuracy": float(((scores >= 0.5) == truth).mean()),
        "AUC": auc(scores, truth),
        "JSON valid": float(np.mean([_is_usable(each.written, policy) for each in judged])),
        "rule accuracy": float(np.mean([_field(e.written, "rule") == e.claim.rule for e in bad])),
        "claim exact": float(
            np.mean([_field(each.written, "claim") == each.claim.text for each in judged])
        ),
        "violations at p <= 0.35": float((scores[truth] <= 0.35).mean()),
        "compliant at p >= 0.65": float((scores[~truth] >= 0.65).mean()),
        "Brier score": float(((scores - truth) ** 2).mean()),
    }
    return [
        row(f"judge, {subset}: {name}", value, "share", bars.get(name, ""))
        for name, value in values.items()
    ]


def _is_usable(written: str, policy: Policy) -> bool:
    try:
        parse(written, policy.rules)
    except UnusableAnswer:
        return False
    return True


def _field(written: str, name: str) -> object:
    try:
        answer = json.loads(written)
    except ValueError:
        return None
    return answer.get(name) if isinstance(answer, dict) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "judge")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    print(table("judge quality", judge_quality(arguments.model, arguments.repeats)))


if __name__ == "__main__":
    main()
