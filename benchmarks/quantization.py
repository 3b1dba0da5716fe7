"""What weights in fewer bits do to the judge's verdicts: `make bench NAME=quantization`.

The held-out pictures and copies of `benchmarks.judge_quality`, each judged by the shipped model in
fp32, bf16, int8 and int4. CPU seconds are of one thread, as a share of fp32's in the same run.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.judge_quality import HARDEST, copy_ads, picture_ads
from benchmarks.rows import Row, row
from executors.judge.backend import NEVER, Question
from executors.judge.calibration.temperature import probabilities
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.quantize import NEEDS
from executors.shared.images import decode
from executors.shared.policy import load_policy
from executors.shared.settings import (
    ROOT,
    DecisionSettings,
    ImageLimits,
    JudgeSettings,
    load_settings,
)

KINDS: dict[str, dict[str, str]] = {
    "fp32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "int8": {"precision": "fp32", "quantization": "int8"},
    "int4": {"precision": "fp32", "quantization": "int4"},
}
BARS = {"bf16": ">= 0.99", "int8": ">= 0.99", "int4": ">= 0.95"}
_SEED = 4_200_000
_AT_A_TIME = 32


@dataclass(frozen=True)
class Said:
    """What one kind says of all ads."""

    probabilities: NDArray[np.float64]
    bytes: int
    seconds: float
    """CPU, of this thread."""


def run() -> list[Row]:
    """Return the figures of every kind that can run here, against fp32."""
    torch.set_num_threads(1)
    questions = _questions()
    installed = all(find_spec(name) for name in NEEDS)
    kinds = [kind for kind in KINDS if installed or "quantization" not in KINDS[kind]]
    said = {kind: _judged(kind, questions) for kind in kinds}
    plain = said["fp32"]
    rows = [row("ads", len(questions)), row("fp32: weights", plain.bytes / 1e6, "MB")]
    for kind in kinds[1:]:
        rows += _against(kind, said[kind], plain)
    return rows


def _questions() -> list[Question]:
    policy = load_policy(ROOT / "policies")
    cases = [case for _, case in (*picture_ads(HARDEST, _SEED, 2), *copy_ads(_SEED, 1))]
    return [
        Question(
            case.market or "any",
            case.text,
            None if case.image is None else decode(case.image, ImageLimits()),
            policy.applicable(case.market, None),
            explain_above=NEVER,
        )
        for case in cases
    ]


def _judged(kind: str, questions: list[Question]) -> Said:
    model = load_settings().judge.model
    engine = Engine(JudgeSettings(model=model, device="cpu", **KINDS[kind]))  # type: ignore[arg-type]
    engine.logits(questions[:2])
    started = time.thread_time()
    logits: list[float] = []
    for at in range(0, len(questions), _AT_A_TIME):
        logits += engine.logits(questions[at : at + _AT_A_TIME])
    seconds = time.thread_time() - started
    temperature = engine.loaded.config.temperature
    said = Said(probabilities(np.array(logits), temperature), _bytes(engine.loaded.model), seconds)
    del engine
    gc.collect()
    return said


def _bytes(model: torch.nn.Module) -> int:
    """Of all weights, with the scales that stand beside quantized ones."""
    held = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    for weight in model.parameters():
        scales = getattr(getattr(weight, "quant_state", None), "absmax", None)
        for tensor in (scales, getattr(weight, "SCB", None)):
            if isinstance(tensor, torch.Tensor):
                held[id(tensor)] = tensor
    return sum(tensor.numel() * tensor.element_size() for tensor in held.values())


def _against(kind: str, said: Said, plain: Said) -> list[Row]:
    one, other = said.probabilities, plain.probabilities
    decision = DecisionSettings()
    bands = [decision.approve, decision.reject]
    moved = np.digitize(one, bands) != np.digitize(other, bands)
    apart = np.abs(one - other)
    return [
        row(
            f"{kind}: same verdict as fp32",
            float(((one > 0.5) == (other > 0.5)).mean()),
            "share",
            BARS[kind],
        ),
        row(
            f"{kind}: other side of the share that approves or rejects",
            float(moved.mean()),
            "share",
        ),
        row(f"{kind}: largest difference of the probability", float(apart.max())),
        row(f"{kind}: mean difference of the probability", float(apart.mean())),
        row(f"{kind}: weights", said.bytes / 1e6, "MB"),
        row(f"{kind}: weights of fp32's", said.bytes / plain.bytes, "share"),
        row(f"{kind}: CPU seconds of fp32's", said.seconds / plain.seconds, "share"),
    ]
