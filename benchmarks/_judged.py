"""Ads with a known answer, put to the judge's own backend, and how right it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adjudicate.documents import Case
from benchmarks.rows import Row, row
from executors.judge.answer import Answer, Claim, UnusableAnswer, parse
from executors.judge.backend import Question
from executors.judge.calibration.measures import expected_calibration_error
from executors.judge.qwen.backend import QwenBackend
from executors.shared.images import decode
from executors.shared.policy import Policy, Rule
from executors.shared.settings import ImageLimits
from models.judge_training.measure import auc
from models.render import claims as known

_AT_A_TIME = 64
"""Ads whose decoded pictures are held at once."""


@dataclass(frozen=True)
class Judged:
    """One ad with its claim, the rules it was held to, and what the judge said."""

    claim: known.Claim
    source: str
    """`picture` or `copy`: where the claim stands."""
    rules: tuple[Rule, ...]
    probability: float
    instruction: float
    written: str

    @property
    def answer(self) -> Answer | None:
        """What was written, None where it cannot be used."""
        try:
            return parse(self.written, len(self.rules))
        except UnusableAnswer:
            return None

    @property
    def quoted(self) -> bool:
        """Whether the answer's claims are the ad's one claim, word for word, and its place."""
        answer = self.answer
        wanted = (Claim("copy" if self.source == "copy" else "picture", self.claim.text),)
        return answer is not None and answer.claims == wanted

    @property
    def rules_named(self) -> set[str]:
        """Codes of the rules that the answer says are broken."""
        answer = self.answer
        return set() if answer is None else {self.rules[b.rule].code for b in answer.breaches}


def judge(
    backend: QwenBackend, policy: Policy, ads: Sequence[tuple[known.Claim, Case]]
) -> list[Judged]:
    """Put each ad to the judge with the rules of its market; an answer is written for all."""
    judged: list[Judged] = []
    for start in range(0, len(ads), _AT_A_TIME):
        part = ads[start : start + _AT_A_TIME]
        rules = [policy.applicable(case.market, None) for _, case in part]
        questions = [
            Question(case.market or "any", case.text, _picture(case), held)
            for (_, case), held in zip(part, rules, strict=True)
        ]
        opinions = backend.judge_all(questions)
        for (claim, case), held, opinion in zip(part, rules, opinions, strict=True):
            source = "copy" if case.image is None else "picture"
            written = opinion.written or ""
            judged.append(
                Judged(claim, source, held, opinion.violation, opinion.instruction, written)
            )
    return judged


def under(judged: Sequence[Judged], rule_of: dict[str, str | None]) -> list[Judged]:
    """The same with each claim's rule as another policy has it: by claim id, a code or None."""
    return [
        replace(each, claim=replace(each.claim, rule=rule_of[each.claim.id])) for each in judged
    ]


def figures(judged: Sequence[Judged]) -> dict[str, float]:
    """Shares by name; rule accuracy of violating ads alone, the rest of all."""
    truth, scores = _truth(judged), np.array([each.probability for each in judged])
    bad = [each for each in judged if each.claim.violating]
    return {
        "violation accuracy": float(((scores >= 0.5) == truth).mean()),
        "AUC": auc(scores, truth),
        "rule accuracy": float(np.mean([e.rules_named == {e.claim.rule} for e in bad])),
        "claim quoted exactly": float(np.mean([each.quoted for each in judged])),
        "JSON valid": float(np.mean([each.answer is not None for each in judged])),
        "violations at p <= 0.35": float((scores[truth] <= 0.35).mean()),
        "compliant at p >= 0.65": float((scores[~truth] >= 0.65).mean()),
        "Brier score": float(((scores - truth) ** 2).mean()),
        "expected calibration error": expected_calibration_error(scores, truth),
        "taken for an instruction": float(np.mean([each.instruction > 0.5 for each in judged])),
    }


def rows(subset: str, judged: Sequence[Judged], bars: dict[str, str]) -> list[Row]:
    """`figures` as rows, against the bars of their names."""
    return [
        row(f"judge, {subset}: {name}", value, "share", bars.get(name, ""))
        for name, value in figures(judged).items()
    ]


def accuracy(judged: Sequence[Judged]) -> float:
    """The share whose verdict at p = 0.5 is right."""
    return float(np.mean([(e.probability >= 0.5) == e.claim.violating for e in judged]))


def _truth(judged: Sequence[Judged]) -> NDArray[np.bool_]:
    return np.array([each.claim.violating for each in judged])


def _picture(case: Case) -> Image.Image | None:
    return None if case.image is None else decode(case.image, ImageLimits())
