"""The judge's speed against a plain `generate`: ads per second of processor time, one thread.

The plain path is what a user of transformers writes: one ad at a time through the processor and
`model.generate`, and the JSON read from what it wrote. Both paths take turns over the same ads, so
that a busy machine slows both. The service's path is the room's own backend, its queue and threads
included, after one batch: the prompts' shared beginnings are computed once for a policy.

Two models: the shipped one, and one of 60 M parameters with random weights, asked in full words.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import torch

from benchmarks import _judge_gpu
from benchmarks._plain_judge import PlainJudge
from benchmarks._random_judge import MID, random_judge
from benchmarks.rows import Row, row
from executors.judge.backend import ALWAYS, NEVER, Opinion, Question
from executors.judge.prompt import VERDICT_PREFIX
from executors.judge.qwen.backend import QwenBackend
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings, Precision, load_settings
from models.render.claims import load_claims
from models.render.render import render

_ADS = 32
_GPU_ADS = 64
_PLAIN_ADS = 6
_PAIRS = 3
_NEW_TOKENS = 64
_ANSWERED = 0.3
_SIDE = 168
"""Pixels: what the shipped model sees, and the other too; `_LARGE` shows what a larger one does."""
_LARGE = 336
_TOLERANCE = 1e-4
_BARS = {"verdict": ">= 8", "verdict, answers for 30 %": ">= 4"}


def run() -> list[Row]:
    """The figures of both models, and on a GPU those of the shapes of the real ones."""
    torch.set_num_threads(1)
    shipped = Path(load_settings().judge.model)
    rows = [*_compared("shipped model", shipped, exact=True), *_halved("shipped model", shipped)]
    with tempfile.TemporaryDirectory() as folder:
        mid = random_judge(Path(folder), MID, side=_SIDE, max_new_tokens=_NEW_TOKENS)
        rows += _compared("60 M, random", mid, exact=False)
        mid = random_judge(Path(folder), MID, side=_LARGE, max_new_tokens=_NEW_TOKENS)
        with closing(_backend(mid, "fp32")) as backend:
            plain = PlainJudge(mid, _NEW_TOKENS)
            verdicts = {"verdict": _modes(ads(_ADS))["verdict"]}
            rows += _speeds(f"60 M, random, {_LARGE} px", backend, plain, verdicts, {})
    return rows + _judge_gpu.rows(ads(_GPU_ADS))


def ads(count: int) -> list[Question]:
    """Return ads of all markets with a rendered picture and a copy of some words each."""
    policy = load_policy(ROOT / "policies")
    claims = Random(7).sample(load_claims(), count)
    generator = np.random.default_rng(7)
    return [
        Question(
            claim.market,
            f"New from Oakwell: {claim.text} Order today, terms apply. Batch no. {place}.",
            render(claim, generator, size=512).image,
            policy.applicable(claim.market, claim.product),
        )
        for place, claim in enumerate(claims)
    ]


def _backend(folder: Path, precision: Precision) -> QwenBackend:
    settings = JudgeSettings(
        model=str(folder),
        device="cpu",
        precision=precision,
        max_batch=_ADS,
        max_new_tokens=_NEW_TOKENS,
    )
    return QwenBackend(settings)


def _compared(name: str, folder: Path, *, exact: bool) -> list[Row]:
    plain, questions = PlainJudge(folder, _NEW_TOKENS), ads(_ADS)
    with closing(_backend(folder, "fp32")) as backend:
        speeds = _speeds(name, backend, plain, _modes(questions), _BARS)
        few = questions[:_PLAIN_ADS]
        return [*speeds, *_equality(name, backend, plain, few, exact=exact)]


def _modes(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """The ads, with an answer for none, some and all of them."""
    answered = set(Random(3).sample(range(len(questions)), round(_ANSWERED * len(questions))))

    def asked(places: Container[int]) -> list[Question]:
        return [
            replace(question, explain_above=ALWAYS if place in places else NEVER)
            for place, question in enumerate(questions)
        ]

    return {
        "verdict": asked(()),
        "verdict, answers for 30 %": asked(answered),
        "answers for all": asked(range(len(questions))),
    }


def _speeds(
    name: str,
    backend: QwenBackend,
    plain: PlainJudge,
    modes: Mapping[str, list[Question]],
    bars: Mapping[str, str],
) -> list[Row]:
    questions = modes["verdict"]
    backend.judge_all(questions)
    _read_one_by_one(plain, questions[:1])
    naive: list[float] = []
    ours: dict[str, list[float]] = {mode: [] for mode in modes}
    for pair in range(_PAIRS):
        part = questions[pair * _PLAIN_ADS :][:_PLAIN_ADS]
        naive.append(_rate(len(part), lambda part=part: _read_one_by_one(plain, part)))
        for mode, asked in modes.items():
            rate = _rate(len(asked), lambda asked=asked: backend.judge_all(asked))
            ours[mode].append(rate / naive[-1])
    medians = {mode: statistics.median(ratios) for mode, ratios in ours.items()}
    return [
        row(f"{name}: generate, one by one", statistics.median(naive), "ads/CPU s"),
        *(
            row(f"{name}: {mode}", ratio, "x generate", bars.get(mode, ""))
            for mode, ratio in medians.items()
        ),
    ]


def _halved(name: str, folder: Path) -> list[Row]:
    """What bfloat16 gains on this processor, and what it costs."""
    questions = [replace(question, explain_above=NEVER) for question in ads(_ADS)]
    with closing(_backend(folder, "fp32")) as whole, closing(_backend(folder, "bf16")) as half:
        opinions = zip(whole.judge_all(questions), half.judge_all(questions), strict=True)
        apart = [abs(one.violation - other.violation) for one, other in opinions]
        ratios = [
            _rate(_ADS, lambda: half.judge_all(questions))
            / _rate(_ADS, lambda: whole.judge_all(questions))
            for _ in range(_PAIRS)
        ]
    return [
        row(f"{name}: verdict in bf16", statistics.median(ratios), "x fp32"),
        row(f"{name}: bf16, probability, largest difference", max(apart)),
    ]


def _equality(
    name: str,
    backend: QwenBackend,
    plain: PlainJudge,
    questions: Sequence[Question],
    *,
    exact: bool,
) -> list[Row]:
    opinions: list[Opinion] = backend.judge_all(questions)
    logits = backend.engine.logits(questions)
    plain_logits = [plain.logit(question, VERDICT_PREFIX) for question in questions]
    apart = [abs(ours - other) for ours, other in zip(logits, plain_logits, strict=True)]
    answers = [plain.answer(question, constrained=not exact) for question in questions]
    same = [opinion.written == answer for opinion, answer in zip(opinions, answers, strict=True)]
    how = "generate" if exact else "generate within the grammar"
    return [
        row(f"{name}: verdict's logit, largest difference", max(apart), "", ""),
        row(
            f"{name}: verdicts equal to the plain path",
            float(np.mean([each <= _TOLERANCE for each in apart])),
            "share",
            "== 1",
        ),
        row(f"{name}: answers identical to {how}", float(np.mean(same)), "share", "== 1"),
    ]


def _read_one_by_one(plain: PlainJudge, questions: Sequence[Question]) -> None:
    for question in questions:
        try:
            json.loads(plain.answer(question, constrained=False))
        except ValueError:
            continue


def _rate(items: int, work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return items / (time.process_time() - started)
