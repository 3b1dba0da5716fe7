"""The language model as it is trained: the layers of `model.language_model`, written out.

Attention and rotation stay in the autocast dtype, which saves the eager path its conversions.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2VLForConditionalGeneration


class Language:
    """Runs a model's language part on embedded tokens."""

    def __init__(self, model: Qwen2VLForConditionalGeneration) -> None:
        self._model = model.model.language_model
        self._heads = model.config.text_config.num_attention_heads

    def hidden(self, embedded: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return `[B, L, D]` from embeddings `[B, L, D]`.

        `positions` is `[3, B, L]`, `mask` is additive, `[B, 1, L, L]`.
        """
        cos, sin = self._model.rotary_emb(embedded, positions)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else cos.dtype
        cos, sin = cos[:, None].to(dtype), sin[:, None].to(dtype)
        mask = mask.to(dtype)
        hidden = embedded
        for layer in self._model.layers:
            normed = _rms(layer.input_layernorm, hidden, dtype)
            hidden = hidden + self._attend(layer.self_attn, normed, cos, sin, mask)
            hidden = hidden + layer.mlp(_rms(layer.post_attention_layernorm, hidden, dtype))
        return _rms(self._model.norm, hidden, dtype)

    def _attend(self, attention: Any, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            projection(x).view(batch, length, self._heads, -1).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        query = _rotate(query, cos, sin) * attention.scaling
        scores = query @ _rotate(key, cos, sin).transpose(2, 3) + mask
        mixed = scores.softmax(-1, dtype=scores.dtype) @ value
        return attention.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))


def _rms(norm: Any, x: Tensor, dtype: torch.dtype) -> Tensor:
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
    scale = torch.rsqrt(scale + norm.variance_epsilon)
    return (x * scale).to(dtype) * norm.weight.to(dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.addcmul(x * cos, torch.cat([-second, first], -1), sin)
