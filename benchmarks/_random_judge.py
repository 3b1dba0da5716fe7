"""A Qwen2-VL of any size with random weights, as a folder that `from_pretrained` loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from executors.judge.model_config import FILE, ModelConfig, PictureSize
from executors.judge.prompt import messages
from executors.shared.policy import Policy, load_policy
from executors.shared.settings import ROOT
from models.judge_training.tokenizer import (
    CHAT_TEMPLATE,
    EOS,
    IMAGE,
    PAD,
    VIDEO,
    build_tokenizer,
)

_VOCABULARY = 4096

MID = {
    "text": {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8},
    "heads": (8, 2),
    "vision": {"depth": 12, "embed_dim": 384, "num_heads": 6},
}
"""About 60 M parameters; keys and values of a quarter of the heads, as Qwen2-VL has them."""

SMALL = {
    "text": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
    "heads": (4, 2),
    "vision": {"depth": 2, "embed_dim": 32, "num_heads": 2},
}
"""For tests: grouped heads, and pictures of any shape."""


def random_judge(
    folder: Path, sizes: dict[str, Any], *, side: int | None, max_new_tokens: int
) -> Path:
    """Write the model to `folder`, asked in full words; pictures of up to `side` pixels squared."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(_texts(load_policy(ROOT / "policies")), _VOCABULARY)
    token = tokenizer.convert_tokens_to_ids
    heads, kv_heads = sizes["heads"]
    head = sizes["text"]["hidden_size"] // heads
    config = Qwen2VLConfig(
        text_config={
            **sizes["text"],
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 8192,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [head // 2 - 2 * (head // 6), head // 6, head // 6],
            },
            "bos_token_id": None,
            "eos_token_id": token(EOS),
            "pad_token_id": token(PAD),
            "tie_word_embeddings": True,
        },
        vision_config={**sizes["vision"], "hidden_size": sizes["text"]["hidden_size"]},
        image_token_id=token(IMAGE),
        video_token_id=token(VIDEO),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config).eval()
    for parameter in model.parameters():
        # The usual 0.02 makes all tokens alike: nothing that a test could tell apart.
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    model.save_pretrained(folder)
    edge = PictureSize(shortest_edge=56 * 56, longest_edge=(side or 1_000) ** 2)
    own = ModelConfig(prompt="full", size=edge, max_new_tokens=max_new_tokens)
    (folder / FILE).write_text(own.model_dump_json(), encoding="utf-8")
    return folder


def _texts(policy: Policy) -> Sequence[str]:
    """What such a model reads: the prompts of all markets, and the policy's examples."""
    rules = tuple(policy.rules.values())
    chat = messages("full", market="any", copy="", has_image=False, rules=rules)
    prompts = [str(message["content"]) for message in chat]
    words = [rule.text_in(language) for rule in rules for language in ("en", "zh")]
    examples = [example.text for rule in rules for example in rule.examples]
    return [*prompts * 4, *words, *examples * 2]
