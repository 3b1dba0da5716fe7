"""Seeded random CLIP models, saved as folders in open_clip's layout."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.transform import PreprocessCfg
from PIL import Image
from safetensors.torch import save_file

SMALL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
"""The architecture of the shipped model, smaller."""


def save_random(folder: Path, config: dict[str, Any], dtype: torch.dtype = torch.float32) -> Path:
    """A random model of a seed that tells pictures apart."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    for name, weight in model.named_parameters():
        # A new ResNet says the same of every picture: residual branches start at zero, and its
        # activations are small beside the biases and positions of the pooling.
        if name.endswith("bn3.weight"):
            torch.nn.init.ones_(weight)
        elif "attnpool" in name and not name.endswith("_proj.weight"):
            torch.nn.init.zeros_(weight)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.to(dtype).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    side = model.visual.image_size
    preprocess = {**asdict(PreprocessCfg()), "size": side}
    document = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(document))
    return folder


def pictures(number: int, seed: int = 0) -> list[Image.Image]:
    """Coloured noise of several sizes and shapes."""
    rng = np.random.default_rng(seed)
    images = []
    for index in range(number):
        blocks = rng.integers(0, 255, (5 + index % 4, 7, 3), np.uint8)
        images.append(Image.fromarray(blocks).resize((90 + 31 * index, 140), Image.Resampling.BOX))
    return images
