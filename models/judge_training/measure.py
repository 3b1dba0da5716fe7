"""Figures while training: labels by logits, answers by `generate`, on renders kept aside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from executors.judge.prompt import INSTRUCTION_PREFIX, VERDICT_PREFIX
from models.judge_training.ads import TrainingAd
from models.judge_training.batches import Batcher
from models.judge_training.policies import TrainingPolicy


@dataclass(frozen=True)
class Example:
    """An ad, its picture `[SIDE, SIDE, 3] uint8` or None when it is copy only, and its rules."""

    ad: TrainingAd
    image: NDArray[np.uint8] | None
    policy: TrainingPolicy

    @property
    def violates(self) -> bool:
        return self.ad.violates(self.policy)


def auc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, ties counted half."""
    positive, negative = scores[labels], scores[~labels]
    if not len(positive) or not len(negative):
        return float("nan")
    difference = positive[:, None] - negative[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


@torch.no_grad()
def verdict_logits(
    model: Qwen2VLForConditionalGeneration,
    processor: Qwen2VLProcessor,
    batcher: Batcher,
    examples: Sequence[Example],
    batch: int = 16,
    prefix: str = VERDICT_PREFIX,
) -> NDArray[np.float64]:
    """Return `logit(true) - logit(false)` after `prefix` of each example, by the real processor."""
    scores: list[float] = []
    for start in range(0, len(examples), batch):
        inputs = _inputs(processor, batcher, examples[start : start + batch], prefix)
        logits: Tensor = model(**inputs, logits_to_keep=1).logits[:, -1]
        scores += (logits[:, batcher.labels[1]] - logits[:, batcher.labels[0]]).tolist()
    return np.array(scores)


@torch.no_grad()
def answers(
    model: Qwen2VLForConditionalGeneration,
    processor: Qwen2VLProcessor,
    batcher: Batcher,
    examples: Sequence[Example],
    batch: int = 16,
) -> list[dict[str, object] | None]:
    """Return the generated answers, None where the text is no JSON object."""
    found: list[dict[str, object] | None] = []
    for start in range(0, len(examples), batch):
        inputs = _inputs(processor, batcher, examples[start : start + batch], "")
        out = model.generate(**inputs, max_new_tokens=160, do_sample=False)
        texts = processor.batch_decode(
            out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        found += [_parse(text) for text in texts]
    return found


def report(
    model: Qwen2VLForConditionalGeneration,
    processor: Qwen2VLProcessor,
    batcher: Batcher,
    examples: Sequence[Example],
    generated: int,
) -> dict[str, float]:
    """Return figures of all examples, and shares of the first `generated` by what they write.

    `acc` and `auc` are of the verdict, `noticed` of the instruction label; `json`, `claim` and
    `rule` of answers: usable, all claims quoted exactly, all findings right (of violating ads).
    """
    labels = np.array([example.violates for example in examples])
    scores = verdict_logits(model, processor, batcher, examples)
    figures = {"acc": float(((scores > 0) == labels).mean()), "auc": auc(scores, labels)}
    spoken = np.array([example.ad.instruction for example in examples])
    noticed = verdict_logits(model, processor, batcher, examples, prefix=INSTRUCTION_PREFIX)
    figures["noticed"] = float((noticed > 0)[spoken].mean()) if spoken.any() else float("nan")
    figures["imagined"] = float((noticed > 0)[~spoken].mean())
    part = examples[:generated]
    if not part:
        return figures
    given = answers(model, processor, batcher, part)
    pairs = list(zip(part, given, strict=True))
    figures["json"] = float(np.mean([g is not None for g in given]))
    figures["claim"] = float(np.mean([g is not None and _quotes(g, e) for e, g in pairs]))
    figures["rule"] = float(
        np.mean([g is not None and _finds(g, e) for e, g in pairs if e.violates])
    )
    return figures


def _quotes(given: dict[str, object], example: Example) -> bool:
    claims = [{"from": source, "quote": claim.text} for source, claim in example.ad.claims()]
    return given.get("claims") == claims


def _finds(given: dict[str, object], example: Example) -> bool:
    findings = [{"claim": c, "rule": r} for c, r in example.ad.findings(example.policy)]
    return given.get("findings") == findings


def _parse(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _inputs(
    processor: Qwen2VLProcessor, batcher: Batcher, examples: Sequence[Example], prefix: str
) -> dict[str, Tensor]:
    texts = [batcher.prompt(example.ad, example.policy) + prefix for example in examples]
    images = [Image.fromarray(e.image) for e in examples if e.image is not None]
    inputs = processor(text=texts, images=images or None, padding=True, return_tensors="pt")
    return dict(inputs)
