"""Token batches: each row holds the prompt once, then both answers, blind to each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2VLProcessor

from executors.judge.prompt import (
    VERDICT_LABELS,
    VERDICT_PREFIX,
    full_answer,
    messages,
    verdict_answer,
)
from models.judge_training.ads import TrainingAd
from models.judge_training.network import GRID, IMAGE_TOKENS
from models.judge_training.tokenizer import EOS, IMAGE

_KEY_WEIGHT = 4.0


@dataclass(frozen=True)
class TokenBatch:
    """`ids`, `weights` `[B, L]`; `positions` `[3, B, L]`; `mask` `[B, 1, L, L]` additive.

    `weights[b, i]` weighs the loss of predicting `ids[b, i]` from what stands before it. `label` is
    the place that predicts the verdict; `unsure` marks ads whose verdict has no right answer.
    """

    ids: Tensor
    weights: Tensor
    positions: Tensor
    mask: Tensor
    source: Tensor
    label: Tensor
    violation: Tensor
    unsure: Tensor


class Batcher:
    """Turns ads into token batches with the prompt that serving uses."""

    def __init__(self, processor: Qwen2VLProcessor) -> None:
        self._processor = processor
        self._tokenizer: PreTrainedTokenizerFast = processor.tokenizer
        self._image = self._tokenizer.convert_tokens_to_ids(IMAGE)
        self._pad = self._tokenizer.pad_token_id
        self._prefix = len(self._encode(VERDICT_PREFIX))
        self.labels = [self._label(label) for label in VERDICT_LABELS]

    def prompt(self, ad: TrainingAd) -> str:
        """Return the chat text of `ad`, with one image token where a picture stands."""
        chat = messages("compact", market=ad.market, copy=ad.copy, has_image=ad.picture is not None)
        text: str = self._processor.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return text

    def __call__(self, ads: Sequence[TrainingAd]) -> TokenBatch:
        rows = [self._row(ad) for ad in ads]
        length = max(len(row[0]) for row in rows)
        size = (len(rows), length)
        ids = torch.full(size, self._pad)
        weights, segments = torch.zeros(size), torch.full(size, -1)
        positions = torch.zeros(3, *size, dtype=torch.long)
        source = torch.zeros(size, dtype=torch.long)
        for number, (tokens, segment, weight, place) in enumerate(rows):
            n = len(tokens)
            ids[number, :n], weights[number, :n] = torch.tensor(tokens), torch.tensor(weight)
            segments[number, :n], positions[:, number, :n] = torch.tensor(segment), place
            source[number, :n] = torch.arange(n) - 1
            first_full = segment.index(2) if 2 in segment else n
            source[number, first_full : first_full + 1] = segment.index(1) - 1
        same = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == 0)
        allowed = same & torch.ones(length, length).tril().bool()
        mask = torch.zeros(len(rows), 1, length, length).masked_fill(~allowed[:, None], -1e4)
        label = torch.tensor([row[1].index(1) + self._prefix for row in rows])
        return TokenBatch(
            ids=ids,
            weights=weights,
            positions=positions,
            mask=mask,
            source=source.clamp(min=0),
            label=label,
            violation=torch.tensor([bool(ad.violation) for ad in ads]),
            unsure=torch.tensor([ad.violation is None for ad in ads]),
        )

    def _row(self, ad: TrainingAd) -> tuple[list[int], list[int], list[float], Tensor]:
        prompt = self._encode(self.prompt(ad))
        positions = torch.arange(len(prompt)).expand(3, -1)
        if ad.picture is not None:
            prompt, positions = self._open_image(prompt)
        start = int(positions.max()) + 1
        verdict = self._encode(verdict_answer(bool(ad.violation)) + EOS)
        verdict_weight = [0.2] * len(verdict)
        verdict_weight[self._prefix] = 0.0
        answer: list[int] = []
        answer_weight: list[float] = []
        if ad.violation is not None:
            answer = self._encode(full_answer(ad.claim, ad.rule) + EOS)
            answer_weight = [1.0] * len(answer)
            first = len(self._encode('{"claim": "')) - 1
            for key in range(first, min(first + 2, len(answer))):
                answer_weight[key] = _KEY_WEIGHT
        tokens = prompt + verdict + answer
        segment = [0] * len(prompt) + [1] * len(verdict) + [2] * len(answer)
        weight = [0.0] * len(prompt) + verdict_weight + answer_weight
        tail = [start + torch.arange(len(part)).expand(3, -1) for part in (verdict, answer)]
        return tokens, segment, weight, torch.cat([positions, *tail], 1)

    def _open_image(self, prompt: list[int]) -> tuple[list[int], Tensor]:
        at = prompt.index(self._image)
        side = GRID // 2
        tokens = prompt[:at] + [self._image] * IMAGE_TOKENS + prompt[at + 1 :]
        rows = torch.arange(side).repeat_interleave(side)
        columns = torch.arange(side).repeat(side)
        image = at + torch.stack([torch.zeros_like(rows), rows, columns])
        before = torch.arange(at).expand(3, -1)
        after = (at + side + torch.arange(len(prompt) - at - 1)).expand(3, -1)
        return tokens, torch.cat([before, image, after], 1)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _label(self, label: str) -> int:
        ids = self._encode(VERDICT_PREFIX + label)
        if len(ids) != self._prefix + 1:
            raise ValueError(f"the label {label!r} must be one token after {VERDICT_PREFIX!r}")
        return ids[-1]
