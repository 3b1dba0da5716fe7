"""The language model as it is trained: the layers of `model.language_model`, written out.

Attention and rotation stay in the autocast dtype, which saves the eager path its conversions.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Qwen2VLForConditionalGeneration

BINDING_LAYER, BINDING_HEAD = 1, 1
"""The head that is taught to look from a rule's code and categories at its number."""
LOOKING_LAYER = 2
"""The layer whose first heads are taught to look at the rule that a claim breaks."""


@dataclass(frozen=True)
class Before:
    """What stands before the rows: `embedded` `[G, P, D]`, `positions` `[3, G, P]`.

    `mask` `[G, P]` is True for tokens; `group` `[B]` says which of them stands before a row.
    """

    embedded: Tensor
    positions: Tensor
    mask: Tensor
    group: Tensor


@dataclass(frozen=True)
class Look:
    """Where some heads should look.

    `[N]` each: in `LOOKING_LAYER` a `head` from a `place` of a `row` to a `key` in what stands
    before it; `[M]` each: in `BINDING_LAYER` one head within what stands before, of a `group`,
    from what `bound` is to `binder`, a rule's words to its number.
    """

    row: Tensor
    place: Tensor
    head: Tensor
    key: Tensor
    group: Tensor
    bound: Tensor
    binder: Tensor


class Language:
    """Runs a model's language part on embedded tokens."""

    def __init__(self, model: Qwen2VLForConditionalGeneration) -> None:
        self._model = model.model.language_model
        self._heads = model.config.text_config.num_attention_heads

    def hidden(
        self,
        embedded: Tensor,
        positions: Tensor,
        mask: Tensor,
        before: Before | None = None,
        look: Look | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return `[B, L, D]` from embeddings `[B, L, D]`, and the loss of the heads that `look`.

        `positions` is `[3, B, L]`, `mask` is additive, `[B, 1, L, L]`. What stands `before` is
        computed once per group; each row attends to that of its group.
        """
        missed = torch.zeros(())
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        turn = self._turn(embedded, positions, dtype)
        mask = mask.to(turn[0].dtype)
        hidden = embedded
        if before is not None:
            shared = before.embedded
            shared_turn = self._turn(shared, before.positions, dtype)
            causal = torch.ones(shared.shape[1], shared.shape[1]).tril().bool()
            unseen = ~(causal & before.mask[:, None, None, :])
            shared_mask = torch.zeros(unseen.shape).masked_fill(unseen, -1e4).to(mask.dtype)
            padding = torch.zeros(before.mask.shape).masked_fill(~before.mask, -1e4)
            mask = torch.cat(
                [
                    padding[before.group][:, None, None, :]
                    .to(mask.dtype)
                    .expand(-1, 1, mask.shape[2], -1),
                    mask,
                ],
                -1,
            )
        for number, layer in enumerate(self._model.layers):
            kept = None
            if before is not None:
                normed = _rms(layer.input_layernorm, shared, turn[0].dtype)
                mixed, keys, scores = self._attend(
                    layer.self_attn, normed, shared_turn, shared_mask
                )
                if look is not None and number == BINDING_LAYER and len(look.group):
                    seen = scores[look.group, BINDING_HEAD, look.bound].float()
                    missed = missed + F.cross_entropy(seen, look.binder)
                shared = shared + mixed
                shared = shared + layer.mlp(
                    _rms(layer.post_attention_layernorm, shared, turn[0].dtype)
                )
                kept = (keys[0][before.group], keys[1][before.group])
            normed = _rms(layer.input_layernorm, hidden, turn[0].dtype)
            mixed, _, scores = self._attend(layer.self_attn, normed, turn, mask, kept)
            if look is not None and number == LOOKING_LAYER and len(look.row):
                seen = scores[look.row, look.head, look.place].float()
                missed = missed + F.cross_entropy(seen, look.key)
            hidden = hidden + mixed
            hidden = hidden + layer.mlp(_rms(layer.post_attention_layernorm, hidden, turn[0].dtype))
        return _rms(self._model.norm, hidden, turn[0].dtype), missed

    def _turn(
        self, embedded: Tensor, positions: Tensor, dtype: torch.dtype | None
    ) -> tuple[Tensor, Tensor]:
        cos, sin = self._model.rotary_emb(embedded, positions)
        wanted = dtype or cos.dtype
        return cos[:, None].to(wanted), sin[:, None].to(wanted)

    def _attend(
        self,
        attention: Any,
        x: Tensor,
        turn: tuple[Tensor, Tensor],
        mask: Tensor,
        kept: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        batch, length, width = x.shape
        query, key, value = (
            projection(x).view(batch, length, self._heads, -1).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        query, key = _rotate(query, *turn) * attention.scaling, _rotate(key, *turn)
        own = (key, value)
        if kept is not None:
            key, value = torch.cat([kept[0], key], 2), torch.cat([kept[1], value], 2)
        scores = query @ key.transpose(2, 3) + mask
        mixed = scores.softmax(-1, dtype=scores.dtype) @ value
        out = attention.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out, own, scores


def _rms(norm: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
    scale = torch.rsqrt(scale + norm.variance_epsilon)
    return (x * scale).to(dtype) * norm.weight.to(dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.addcmul(x * cos, torch.cat([-second, first], -1), sin)
