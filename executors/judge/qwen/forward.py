"""The language model over packed tokens, and its last layer where few of them matter."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb

from executors.judge.qwen.attention import Packing


class Asked(Packing, Protocol):
    """A packing that also says what some of its tokens see."""

    asked: Tensor
    """`[A]`: their places in the sequence."""

    def attend_asked(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float
    ) -> Tensor:
        """As `attend`, for `query` of the asked tokens alone, `[1, H, A, head]`."""
        ...


def run(language_model: Any, embedded: Tensor, places: Tensor, packing: Packing) -> Tensor:
    """Return the last hidden states `[T, width]` of tokens embedded as `[T, width]`.

    `places` are their positions, `[3, T]`.
    """
    return language_model(
        inputs_embeds=embedded.unsqueeze(0),
        position_ids=places.unsqueeze(1),
        attention_mask={"full_attention": packing},
        past_key_values=packing,
        use_cache=True,
    ).last_hidden_state[0]


def run_asked(language_model: Any, embedded: Tensor, places: Tensor, packing: Asked) -> Tensor:
    """As `run`, but return those of the asked tokens alone, `[A, width]`.

    The last layer makes keys and values of every token, since answers go on from them, and all else
    for the asked ones only. `Qwen2VLTextModel.forward`, taken apart.
    """
    hidden = embedded.unsqueeze(0)
    turns = language_model.rotary_emb(hidden, places.unsqueeze(1))
    *layers, last = language_model.layers
    for layer in layers:
        hidden = layer(
            hidden,
            attention_mask=packing,
            position_embeddings=turns,
            past_key_values=packing,
            use_cache=True,
        )
    return language_model.norm(_last(last, hidden, turns, packing))[0]


def _last(layer: Any, hidden: Tensor, turns: tuple[Tensor, Tensor], packing: Asked) -> Tensor:
    attention, asked = layer.self_attn, packing.asked
    normed = layer.input_layernorm(hidden)
    query, key, value = (
        projected.view(1, projected.shape[1], -1, attention.head_dim).transpose(1, 2)
        for projected in (
            attention.q_proj(normed[:, asked]),
            attention.k_proj(normed),
            attention.v_proj(normed),
        )
    )
    query, _ = apply_rotary_pos_emb(query, query[:, :1], *(turn[:, asked] for turn in turns))
    _, key = apply_rotary_pos_emb(key[:, :1], key, *turns)
    key, value = packing.update(key, value, attention.layer_idx)
    found = packing.attend_asked(attention.layer_idx, query, key, value, attention.scaling)
    found = attention.o_proj(found.transpose(1, 2).reshape(1, len(asked), -1))
    hidden = hidden[:, asked] + found
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))
