"""Attention in parts: over a prefix that rows share, and over a row's own tokens, merged exactly.

The softmax over the union of two sets of keys is the mean of the two softmaxes, weighted by their
normalisers (FlashAttention, arXiv 2205.14135; for shared prefixes Hydragen, arXiv 2402.05099). So
rows need no padding, and the keys of a prefix are neither copied per row nor computed again.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from transformers import AttentionInterface

_NAME = "adjudicate_packed"
SCORES = 16 * 1024 * 1024
"""Numbers: as many scores as explicit attention holds at a time."""


class Part(NamedTuple):
    """Attention over some of the keys: values `[B, H, Q, D]` and log-normalisers `[B, H, Q]`."""

    values: Tensor
    normaliser: Tensor


class Packing(Protocol):
    """How the tokens of a packed sequence see one another. Stands in for mask and cache."""

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """As of a transformers cache; the keys themselves are kept by `attend`."""
        ...

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        """Return attention, `[1, H, T, D]`. `key` and `value` are `[1, KV heads, T, D]`."""
        ...


def use_packed_attention(language_model: Any) -> None:
    """Let the language model attend as the `Packing` says that is given to it as its mask."""
    AttentionInterface.register(_NAME, _packed_attention)
    language_model.config._attn_implementation = _NAME


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    *,
    causal: bool = False,
    mask: Tensor | None = None,
    eager: bool = False,
) -> Part:
    """Attention of `query` `[B, H, Q, D]` over `key` and `value` `[B, KV heads, K, D]`.

    `causal` counts queries and keys from the same token; `mask` is added to the scores,
    `[B or 1, 1, Q, K]`. By a fused kernel that tells its normalisers where there is one, and else,
    or if `eager`, explicitly.
    """
    if not eager and query.device.type == "cpu":
        out = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=mask, scale=scale
        )
        return Part(out[0], out[1])
    if not eager and mask is None and query.is_cuda and query.dtype != torch.float32:
        groups = query.shape[1] // key.shape[1]
        out = torch.ops.aten._scaled_dot_product_flash_attention(
            query, _repeated(key, groups), _repeated(value, groups), 0.0, causal, scale=scale
        )
        return Part(out[0], out[1])
    return _explicit(query, key, value, scale, causal, mask)


def merge(one: Part, other: Part) -> Tensor:
    """Return the attention over the keys of both, `[B, H, Q, D]`."""
    share = torch.sigmoid(other.normaliser - one.normaliser).unsqueeze(-1)
    return torch.lerp(one.values, other.values, share.to(one.values.dtype))


def _packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Packing,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    found = attention_mask.attend(module.layer_idx, query, key, value, scaling)
    return found.transpose(1, 2), None


def _repeated(heads: Tensor, groups: int) -> Tensor:
    return heads if groups == 1 else heads.repeat_interleave(groups, dim=1)


def _explicit(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool, mask: Tensor | None
) -> Part:
    """In parts of the queries, so that the scores stay small."""
    groups = query.shape[1] // key.shape[1]
    key, value = _repeated(key, groups), _repeated(value, groups)
    batch, heads, length, _ = query.shape
    keys = key.shape[2]
    step = max(1, SCORES // (batch * heads * keys))
    values, normalisers = [], []
    for start in range(0, length, step):
        scores = (query[:, :, start : start + step] @ key.transpose(-1, -2)).float() * scale
        if mask is not None:
            scores += mask[:, :, start : start + step]
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
            scores.masked_fill_(later.triu(start + 1), -torch.inf)
        normaliser = scores.logsumexp(-1)
        weights = (scores - normaliser.unsqueeze(-1)).exp_().to(value.dtype)
        values.append(weights @ value)
        normalisers.append(normaliser)
    return Part(torch.cat(values, 2), torch.cat(normalisers, 2))
