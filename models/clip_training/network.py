"""The embedded CLIP: open_clip's own classes, small."""

import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

SIZE = 128
CONTEXT = 64
MODEL_CFG = {
    "embed_dim": 128,
    "vision_cfg": {"layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "image_size": SIZE},
    "text_cfg": {
        "context_length": CONTEXT,
        "vocab_size": 49408,
        "width": 64,
        "heads": 4,
        "layers": 2,
    },
}
PREPROCESS_CFG = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def build() -> open_clip.CLIP:
    """A fresh model, convolutions in channels-last order."""
    model = open_clip.CLIP(**MODEL_CFG)
    model.visual.to(memory_format=torch.channels_last)
    return model


def encode_images(model: open_clip.CLIP, pixels: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Pixels [B, 3, 128, 128] to unit features [B, 128] and the maps of the last three layers.

    The maps are [B, 128, 16, 16], [B, 256, 8, 8] and [B, 512, 4, 4].
    """
    visual = model.visual
    with torch.autocast("cpu", torch.bfloat16):
        early = visual.layer2(visual.layer1(visual.stem(pixels)))
        middle = visual.layer3(early)
        last = visual.layer4(middle)
        features = visual.attnpool(last)
    maps = (early.float(), middle.float(), last.float())
    return nn.functional.normalize(features.float(), dim=-1), maps


def encode_texts(model: open_clip.CLIP, ids: Tensor) -> Tensor:
    """Token ids [B, 64] to features [B, 128], unit norm. Columns of padding alone are left out."""
    length = int((ids != 0).sum(1).max())
    ids = ids[:, :length]
    x = model.token_embedding(ids) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)] @ model.text_projection
    return nn.functional.normalize(x, dim=-1)


class Auxiliary(nn.Module):
    """Heads that only training has: characters and words under each cell, words present, claim."""

    def __init__(self, chars: int, words: int, claims: int) -> None:
        super().__init__()
        self.chars = nn.Linear(128, chars + 1)
        self.words = nn.Linear(256, words + 1)
        self.present = nn.Linear(512, words)
        self.claim = nn.Linear(512, claims)
        nn.init.constant_(self.present.bias, -4.0)


def save(model: open_clip.CLIP, folder: Path) -> None:
    """Write what `open_clip.create_model_from_pretrained("local-dir:…")` reads, weights in fp16."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CFG, "preprocess_cfg": PREPROCESS_CFG}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    state = {name: t.detach().half().contiguous() for name, t in model.state_dict().items()}
    path = folder / "open_clip_model.safetensors"
    save_file(state, path)
    path.chmod(0o644)


def load(model: open_clip.CLIP, folder: Path) -> None:
    """Take the weights that `save` wrote."""
    model.load_state_dict(load_file(folder / "open_clip_model.safetensors"))
