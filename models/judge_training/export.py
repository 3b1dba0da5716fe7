"""Write the embedded judge as a folder that `from_pretrained` loads."""

import copy
import json
from pathlib import Path

import torch
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from models.judge_training.network import PIXELS

MAX_NEW_TOKENS = 160
MAX_ASPECT = 1.25


def export(
    model: Qwen2VLForConditionalGeneration,
    processor: Qwen2VLProcessor,
    folder: Path,
    temperature: float = 1.0,
) -> None:
    """Save model (bfloat16), processor and `judge_config.json`, readable by all users."""
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model).to(torch.bfloat16).eval()
    half.save_pretrained(folder)
    processor.save_pretrained(folder)
    write_judge_config(folder, temperature)
    for path in folder.iterdir():
        path.chmod(0o644)


def write_judge_config(folder: Path, temperature: float) -> None:
    """Say how this model is asked: its prompt, picture size and calibration."""
    settings = {
        "prompt": "compact",
        "temperature": round(temperature, 4),
        "size": {"shortest_edge": PIXELS, "longest_edge": PIXELS},
        "square": True,
        "max_aspect": MAX_ASPECT,
        "max_new_tokens": MAX_NEW_TOKENS,
        "max_copy": 400,
    }
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "judge_config.json").write_text(text, encoding="utf-8")
