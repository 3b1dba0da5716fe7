"""Figures while training: verdicts by logits, answers by `generate`, on renders kept aside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from executors.judge.prompt import VERDICT_PREFIX
from models.judge_training.ads import TrainingAd
from models.judge_training.batches import Batcher


@dataclass(frozen=True)
class Example:
    """An ad with its picture `[SIDE, SIDE, 3] uint8`, or None when it is copy only."""

    ad: TrainingAd
    image: NDArray[np.uint8] | None


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
) -> NDArray[np.float64]:
    """Return `logit(true) - logit(false)` of each example through the real processor."""
    scores: list[float] = []
    for start in range(0, len(examples), batch):
        inputs = _inputs(processor, batcher, examples[start : start + batch], VERDICT_PREFIX)
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
        out = model.generate(**inputs, max_new_tokens=64, do_sample=False)
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
    """Return accuracy and AUC of all, and of the first `generated` JSON, rule and claim shares."""
    labels = np.array([bool(example.ad.violation) for example in examples])
    scores = verdict_logits(model, processor, batcher, examples)
    figures = {"acc": float(((scores > 0) == labels).mean()), "auc": auc(scores, labels)}
    part = examples[:generated]
    if not part:
        return figures
    given = answers(model, processor, batcher, part)
    pairs = list(zip(part, given, strict=True))
    bad = [(e, g) for e, g in pairs if e.ad.violation]
    figures["json"] = float(np.mean([g is not None for g in given]))
    figures["claim"] = float(
        np.mean([g is not None and g.get("claim") == e.ad.claim for e, g in pairs])
    )
    figures["rule"] = float(np.mean([g is not None and g.get("rule") == e.ad.rule for e, g in bad]))
    return figures


def _parse(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _inputs(
    processor: Qwen2VLProcessor, batcher: Batcher, examples: Sequence[Example], prefix: str
) -> dict[str, Tensor]:
    texts = [batcher.prompt(example.ad) + prefix for example in examples]
    images = [Image.fromarray(e.image) for e in examples if e.image is not None]
    inputs = processor(text=texts, images=images or None, padding=True, return_tensors="pt")
    return dict(inputs)
