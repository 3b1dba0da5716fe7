"""A Qwen2-VL of 5 M parameters, its processor, and the start of its first attention heads."""

import math

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from models.judge_training.tokenizer import CHAT_TEMPLATE, EOS, IMAGE, PAD, VIDEO

SIDE = 168
PATCH = 14
GRID = SIDE // PATCH
WIDTH = 192
HEADS = 6
IMAGE_TOKENS = (GRID // 2) ** 2
PIXELS = SIDE * SIDE


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLForConditionalGeneration:
    """Return the untrained model in float32, its first heads attending to fixed neighbours."""
    token = tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [8, 8, 8],
            },
            "bos_token_id": None,
            "eos_token_id": token(EOS),
            "pad_token_id": token(PAD),
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 5,
            "embed_dim": WIDTH,
            "hidden_size": WIDTH,
            "num_heads": HEADS,
            "mlp_ratio": 4,
            "hidden_act": "silu",
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=token(IMAGE),
        video_token_id=token(VIDEO),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    _scale_by_width(model)
    model.generation_config.eos_token_id = token(EOS)
    model.generation_config.pad_token_id = token(PAD)
    model.generation_config.do_sample = False
    _attend_to_neighbours(model)
    _attend_back(model)
    return model


def build_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLProcessor:
    """Return the processor that resizes every square picture to `SIDE` pixels."""
    size = {"shortest_edge": PIXELS, "longest_edge": PIXELS}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size, patch_size=PATCH, merge_size=2),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=size, patch_size=PATCH, merge_size=2),
        chat_template=CHAT_TEMPLATE,
    )


def _scale_by_width(model: Qwen2VLForConditionalGeneration) -> None:
    """Draw matrices anew with a gain of one; the stock 0.02 is meant for widths above 1,000."""
    for name, part in [*model.model.visual.named_modules(), *model.model.named_modules()]:
        if isinstance(part, torch.nn.Linear):
            ends_a_branch = name.endswith(("attn.proj", "fc2", "o_proj", "down_proj"))
            gain = 0.5 if ends_a_branch else 1.0
            torch.nn.init.normal_(part.weight, std=gain / math.sqrt(part.in_features))


#: (rows, columns) that each head of a block looks away by; None leaves the head as it was drawn.
_NEIGHBOURS: tuple[tuple[tuple[int, int] | None, ...], ...] = (
    ((0, -1), (0, 1), (-1, 0), (1, 0), (0, 2), None),
    ((0, -2), (0, -1), (0, 1), (0, 2), (-1, 0), (1, 0)),
    ((0, -3), (0, -1), (0, 1), (0, 3), None, None),
)


def _attend_to_neighbours(model: Qwen2VLForConditionalGeneration, amplitude: float = 6.0) -> None:
    """Set query and key biases so that a head's score peaks at one offset, like a convolution.

    With axial rotary embeddings `q·k` of two constant vectors depends on the distance alone:
    turning the key by `-offset · frequency` moves the peak to that offset. The two fastest
    frequencies of each axis make the peak sharp and keep it single over the grid.
    """
    visual = model.model.visual
    frequencies = visual.rotary_pos_emb.inv_freq
    per_axis, head_dim = len(frequencies), WIDTH // HEADS
    with torch.no_grad():
        for block, offsets in zip(visual.blocks, _NEIGHBOURS, strict=False):
            bias = block.attn.qkv.bias.view(3, HEADS, head_dim)
            for head, offset in enumerate(offsets):
                if offset is None:
                    continue
                for axis, distance in enumerate(offset):
                    for rank in range(2):
                        angle = -distance * float(frequencies[rank])
                        pair = axis * per_axis + rank
                        bias[0, head, pair] = amplitude
                        bias[1, head, pair] = amplitude * math.cos(angle)
                        bias[1, head, pair + head_dim // 2] = amplitude * math.sin(angle)


#: How far back each head of the first two layers looks in the text; None leaves it as it was drawn.
_BACK: tuple[tuple[int | None, ...], ...] = ((-1, -2, -3, None), (-1, None, None, None))


def _attend_back(model: Qwen2VLForConditionalGeneration, amplitude: float = 5.0) -> None:
    """Set query and key biases of the language model likewise: words and what stands before them.

    A rule's code then carries the rule's number from the first step on, so that to find the rule of
    a claim only one attention has to be learned rather than two in a row.
    """
    language = model.model.language_model
    frequencies = language.rotary_emb.inv_freq
    half, used = len(frequencies), 6
    with torch.no_grad():
        for layer, offsets in zip(language.layers, _BACK, strict=False):
            query = layer.self_attn.q_proj.bias.view(len(offsets), 2 * half)
            key = layer.self_attn.k_proj.bias.view(len(offsets), 2 * half)
            for head, offset in enumerate(offsets):
                if offset is None:
                    continue
                for rank in range(used):
                    angle = -offset * float(frequencies[rank])
                    query[head, rank] = amplitude
                    key[head, rank] = amplitude * math.cos(angle)
                    key[head, rank + half] = amplitude * math.sin(angle)
