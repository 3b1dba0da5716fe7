"""The peak memory of one batch through a Qwen2-VL, predicted from its shapes.

A batch runs in phases (see `engine.py`): the shared prefix, if it is not at hand; the vision tower
over all pictures; the prefill of all rows; the answers. Its peak is that of its largest phase. Each
term counts the tensors that are alive together in the code named beside it, which is that of
`models/qwen2_vl/modeling_qwen2_vl.py` of transformers 5.23 where it is not this folder's. The
model's weights are not counted, nor the prepared pictures that wait for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from executors.judge.qwen.attention import SCORES
from executors.judge.qwen.vision import AT_ONCE

Attention = Literal["sdpa", "eager"]
Device = Literal["cpu", "cuda"]

_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_FLOAT = 4
"""Bytes of the type in which softmax and rotary embedding are computed, whatever the model's."""
_ASKED = 3
"""Places of a row whose logits are computed: both labels, and the answer's first token."""


@dataclass(frozen=True)
class Vision:
    """Sizes of the vision tower."""

    width: int
    inner: int
    """Width inside a block's MLP."""
    heads: int
    pixels: int
    """Numbers per patch that go in: one frame, as the two of a picture are folded (`vision.py`)."""
    merged: int
    """Patches that become one token."""
    activations: int
    """Tensors of the MLP's inner width that are alive together while it is activated."""


@dataclass(frozen=True)
class Text:
    """Sizes of the language model."""

    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    """Numbers per head."""
    vocabulary: int


@dataclass(frozen=True)
class Shape:
    """Sizes of one model, and how it computes."""

    vision: Vision
    text: Text
    element: int
    """Bytes of one number of weights and activations."""
    attention: Attention
    device: Device = "cpu"

    @classmethod
    def of(cls, config: Any, precision: str, attention: Attention, device: Device = "cpu") -> Shape:
        """The shape of a `Qwen2VLConfig`; `precision` is fp32, bf16 or fp16."""
        seen, read = config.vision_config, config.text_config
        width = seen.embed_dim
        return cls(
            Vision(
                width=width,
                inner=int(width * seen.mlp_ratio),
                heads=seen.num_heads,
                pixels=seen.in_channels * seen.patch_size**2,
                merged=seen.spatial_merge_size**2,
                # QuickGELU keeps its input, its sigmoid and the product: activations.py
                activations=3 if seen.hidden_act == "quick_gelu" else 2,
            ),
            Text(
                width=read.hidden_size,
                inner=read.intermediate_size,
                layers=read.num_hidden_layers,
                heads=read.num_attention_heads,
                kv_heads=read.num_key_value_heads,
                head=read.hidden_size // read.num_attention_heads,
                vocabulary=read.vocab_size,
            ),
            element=_BYTES[precision],
            attention=attention,
            device=device,
        )


@dataclass(frozen=True)
class Load:
    """What one ad brings into a batch."""

    patches: int
    """Patches of its picture, height times width of the grid; 0 without one."""
    tokens: int
    """Tokens behind the shared prefix: merged picture, copy and question, both label passes."""
    new_tokens: int = 0
    """The most that may be written; 0: no answer."""
    prefix: int = 0
    """Tokens of the prefix that it shares with the others."""


def predict_bytes(shape: Shape, loads: Sequence[Load]) -> int:
    """The peak of one batch in bytes, beyond the weights. It never falls when a load is added."""
    if not loads:
        return 0
    batch = _Batch(shape, loads)
    return max(batch.shared(), batch.vision(), batch.prefill(), batch.answers())


def softmax_bytes(shape: Shape, patches: int) -> int:
    """One softmax of the tower's eager attention over one picture: what grows with its square."""
    return shape.vision.heads * patches**2 * _FLOAT


class _Batch:
    """The phases of one batch, each in bytes with what is alive beside it."""

    def __init__(self, shape: Shape, loads: Sequence[Load]) -> None:
        self._shape = shape
        self._b = shape.element
        self._rows = len(loads)
        self._patches = sum(load.patches for load in loads)
        self._largest = max(load.patches for load in loads)
        self._tokens = sum(load.tokens for load in loads)
        self._longest = max(load.tokens for load in loads)
        self._prefix = max(load.prefix for load in loads)
        self._room = max(load.new_tokens for load in loads)
        self._writing = sum(1 for load in loads if load.new_tokens)

    def shared(self) -> int:
        """The prefix, where it has to be computed: `prefix.py`."""
        length = self._prefix
        return self._keys(length) + self._layer(length, length, length)

    def vision(self) -> int:
        """The largest step of one block of the tower, or the join of what it saw: `vision.py`.

        Beside it stand all pixels, what was seen of the pictures before, and what waits for it.
        """
        if not self._patches:
            return 0
        vision = self._shape.vision
        waiting = self._keys(self._prefix) + self._embedded(self._tokens)
        seen = self._embedded(self._patches // vision.merged)
        alive = waiting + self._patches * vision.pixels * _FLOAT + seen
        return alive + max(seen, self._block())

    def prefill(self) -> int:
        """The largest step of one layer over all rows, or their logits: `passes.py`."""
        alive = self._keys(self._prefix) + self._keys(self._tokens)
        layer = self._layer(self._tokens, self._longest, self._prefix)
        return alive + max(layer, self._embedded(self._tokens) + self._logits(self._rows * _ASKED))

    def answers(self) -> int:
        """Keys and values of the answers beside those of the batch, and logits: `writing.py`."""
        if not self._writing:
            return 0
        alive = self._keys(self._prefix) + self._keys(self._tokens)
        alive += self._rows * _ASKED * self._shape.text.vocabulary * _FLOAT
        buffers = self._keys(self._writing * (self._longest + self._room))
        # When some have ended, the others' are copied out of the same buffers, layer by layer.
        kept = buffers * (self._writing - 1) // self._writing // self._shape.text.layers
        return alive + buffers + kept + 2 * self._logits(self._writing)

    def _block(self) -> int:
        """One block of the tower over as many patches as go through it at once."""
        vision, b = self._shape.vision, self._b
        width = vision.width
        most = AT_ONCE.get(self._shape.device, self._patches)
        patches = max(self._largest, min(most, self._patches))
        rotations = 2 * _FLOAT * width // vision.heads
        # Residual stream, normed input, and q, k, v in one tensor.
        held = 5 * width * b
        eager = self._shape.attention == "eager"
        # `BatchedAttention`: q and k rotated as float32, and a copy of them where they are not.
        # `apply_rotary_pos_emb_vision`, when eager: both results, and two steps to the second.
        rotary = held + width * _FLOAT * ((4 if eager else 2) + (2 if b != _FLOAT else 0))
        # Rotated q and k, each picture's output, all of them, projected.
        attended = held + 5 * width * b
        # The block's input, which the tower's loop holds, the residual stream and its norm.
        mlp = 3 * width * b + vision.activations * vision.inner * b
        linear = patches * (rotations + max(rotary, attended, mlp))
        if not eager:
            return linear
        squares = self._squares() * vision.heads * self._largest**2
        return max(linear, patches * (rotations + held + 3 * width * b) + squares)

    def _layer(self, tokens: int, row: int, prefix: int) -> int:
        """One layer of the language model over `tokens`, with the embeddings that all layers hold.

        They attend to `prefix` keys together, and at most to `row` of their own.
        """
        text, b = self._shape.text, self._b
        alive = self._embedded(tokens) + 2 * tokens * text.head * b  # the rotations
        # The layer's input, which the loop holds, the residual stream and its norm; three in there.
        mlp = 3 * tokens * (text.width + text.inner) * b
        # `packing.py`: input, norm, queries, result; the prefix's part, and both merged.
        attended = 6 * tokens * text.width * b
        eager = self._shape.attention == "eager"
        if (eager or self._shape.device == "cuda") and text.heads != text.kv_heads:
            attended += 2 * max(row, prefix) * text.heads * text.head * b  # `attention._repeated`
        if eager:
            attended += self._scores(row, tokens, prefix)
        return alive + max(attended, mlp)

    def _scores(self, row: int, tokens: int, prefix: int) -> int:
        """What `attention._explicit` holds: each row over itself, then all over the prefix.

        Scores beside their copy; cut into parts, also those and the weights of the part before.
        """
        heads = self._shape.text.heads
        most = max(SCORES, heads * max(row, prefix))
        pairs = heads * max(row * row, tokens * prefix)
        if pairs > most:
            return most * (3 * _FLOAT + self._b)
        return pairs * (2 * _FLOAT + (self._b if self._b != _FLOAT else 0))

    def _embedded(self, tokens: int) -> int:
        """What goes into the first layer."""
        return tokens * self._shape.text.width * self._b

    def _keys(self, tokens: int) -> int:
        """Keys and values of all layers."""
        text = self._shape.text
        return 2 * text.layers * text.kv_heads * text.head * self._b * tokens

    def _logits(self, places: int) -> int:
        """As the model gives them, and as float32."""
        cast = self._b if self._b != _FLOAT else 0
        return places * self._shape.text.vocabulary * (_FLOAT + cast)

    def _squares(self) -> int:
        """Bytes per pair in `eager_attention_forward`: scores beside their float32 softmax.

        Where the model computes in fewer bits, a CPU's softmax also copies its input to float32.
        """
        if self._b == _FLOAT:
            return 2 * _FLOAT
        return self._b + _FLOAT + (_FLOAT if self._shape.device == "cpu" else self._b)
