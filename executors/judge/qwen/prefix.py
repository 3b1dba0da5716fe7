"""What ads with the same rules share: the keys and values of their prompt's beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cachetools import LRUCache
from torch import Tensor

from executors.judge.qwen.attention import attend
from executors.judge.qwen.forward import run
from executors.judge.qwen.positions import positions
from executors.shared.telemetry.catalogue import CACHE_LOOKUPS

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Prefix:
    """Keys and values of every layer, `[1, KV heads, P, head]` each."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def bytes(self) -> int:
        """What they take."""
        return sum(part.numel() * part.element_size() for both in self.layers for part in both)


class PrefixCache:
    """Computes a prefix once and keeps it, as long as `most` bytes hold it.

    Those that were not used for the longest time go first. One caller at a time.
    """

    def __init__(self, language_model: Any, most: int, *, eager: bool) -> None:
        self._model = language_model
        self._eager = eager
        self._kept: LRUCache[Tokens, Prefix] = LRUCache(most, getsizeof=_size_of)
        self.computed = 0
        """How often a prefix had to be computed."""

    def get(self, tokens: Tokens) -> Prefix:
        """Return the prefix of these tokens, computed now if it is not at hand."""
        kept = self._kept.get(tokens)
        CACHE_LOOKUPS.add(1, {"cache": "prefix", "result": "miss" if kept is None else "hit"})
        if kept is not None:
            return kept
        prefix = self._compute(tokens)
        if prefix.bytes <= self._kept.maxsize:
            self._kept[tokens] = prefix
        return prefix

    def clear(self) -> None:
        """Let go of all of them."""
        self._kept.clear()

    def _compute(self, tokens: Tokens) -> Prefix:
        self.computed += 1
        weights = self._model.embed_tokens.weight
        line, _ = positions(len(tokens), 0, None)
        ids = torch.from_numpy(np.array(tokens)).to(weights.device)
        packing = _Whole(self._eager)
        places = torch.from_numpy(line).to(weights.device)
        run(self._model, self._model.embed_tokens(ids), places, packing)
        return Prefix(tuple(packing.layers))


class _Whole:
    """A sequence alone, each token of which sees those before it."""

    def __init__(self, eager: bool) -> None:
        self.layers: list[tuple[Tensor, Tensor]] = []
        self._eager = eager

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        self.layers.append((key.contiguous(), value.contiguous()))
        return key, value

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        return attend(query, key, value, scale, causal=True, eager=self._eager).values


def _size_of(prefix: Prefix) -> int:
    return prefix.bytes
