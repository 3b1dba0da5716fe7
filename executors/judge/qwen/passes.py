"""One forward pass over a batch: both label passes of every ad, and the keys for its answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from executors.judge.qwen.chat import Chat, Label
from executors.judge.qwen.forward import run_asked
from executors.judge.qwen.inputs import Prepared
from executors.judge.qwen.loading import Loaded
from executors.judge.qwen.packing import PackedRows
from executors.judge.qwen.picture import PictureRule
from executors.judge.qwen.prefix import Prefix, PrefixCache
from executors.judge.qwen.vision import see


@dataclass(frozen=True)
class Judged:
    """What one pass found, row by row in the order in which they were given."""

    violation: list[float]
    """`logit(true) - logit(false)`, uncalibrated; likewise `instruction`."""
    instruction: list[float]
    first: Tensor
    """`[rows, vocabulary]`: the logits of an answer's first token."""
    packing: PackedRows
    prefixes: list[Prefix | None]


class Passes:
    """The model and what a pass over it needs. One caller at a time."""

    def __init__(
        self, loaded: Loaded, chat: Chat, pictures: PictureRule, cache: PrefixCache, *, eager: bool
    ) -> None:
        self._loaded = loaded
        self._chat = chat
        self._pictures = pictures
        self._cache = cache
        self._eager = eager
        self._lm = loaded.model.model.language_model

    def judge(self, rows: Sequence[Prepared]) -> Judged:
        """One pass. Rows with the same prefix should be neighbours.

        Raises `ArithmeticError` when the model's numbers are none.
        """
        prefixes = [self._cache.get(row.prefix) if row.prefix else None for row in rows]
        labels = (self._chat.verdict, self._chat.instruction)
        packing = PackedRows(
            rows,
            prefixes,
            [label.start for label in labels],
            self._loaded.device,
            self._loaded.dtype,
            eager=self._eager,
        )
        embedded = self._embedded(rows, packing.tokens)
        hidden = run_asked(self._lm, embedded, packing.places, packing)
        logits = self._loaded.model.lm_head(hidden).float().unflatten(0, (len(rows), -1))
        violation, instruction = (
            _difference(logits[:, place], label) for place, label in enumerate(labels, 1)
        )
        return Judged(violation, instruction, logits[:, 0], packing, prefixes)

    def _embedded(self, rows: Sequence[Prepared], tokens: Tensor) -> Tensor:
        embedded: Tensor = self._lm.embed_tokens(tokens)
        patches = [row.patches for row in rows if row.patches is not None]
        if patches:
            pixels = self._pictures.normalised(torch.cat(patches).to(self._loaded.device))
            grids = [row.grid for row in rows if row.grid is not None]
            seen = see(self._loaded.model.model.visual, pixels, grids)
            embedded[tokens == self._chat.image_token] = seen.to(embedded.dtype)
        return embedded


def _difference(logits: Tensor, label: Label) -> list[float]:
    found: list[float] = (logits[:, label.yes] - logits[:, label.no]).tolist()
    if any(math.isnan(difference) for difference in found):
        raise ArithmeticError("the judge's logits are not numbers")
    return found
