"""On a GPU: ads per second in each mode, memory predicted and real, decoding against bandwidth.

The shapes of Qwen2-VL-2B and -7B with random weights: speed and memory do not depend on what the
weights say. They are written to a temporary folder, 4 and 16 GB.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from benchmarks._peak import Case, measured_here
from benchmarks._random_judge import SMALL, random_judge
from benchmarks.rows import Row, row
from executors.judge.backend import ALWAYS, NEVER, Question
from executors.judge.qwen.backend import QwenBackend
from executors.shared.settings import JudgeSettings

Sizes = dict[str, Any]

_VISION = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4}

QWEN2_VL_7B: Sizes = {
    "text": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
    "vision": {**_VISION, "hidden_act": "quick_gelu"},
    "mrope": [16, 24, 24],
    "tied": False,
}
"""The published `config.json` of Qwen/Qwen2-VL-7B-Instruct."""

QWEN2_VL_2B: Sizes = {
    "text": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    },
    "vision": {**_VISION, "hidden_act": "quick_gelu"},
    "mrope": [16, 24, 24],
    "tied": True,
}
"""The published `config.json` of Qwen/Qwen2-VL-2B-Instruct."""

MODELS = {"Qwen2-VL-2B": QWEN2_VL_2B, "Qwen2-VL-7B": QWEN2_VL_7B}

_ANSWERED = 0.3
_NEW_TOKENS = 96
_SIDE = 1_000
"""Pictures have up to so many pixels squared, the judge's default."""
_COPIED = 2**30


def rows(questions: Sequence[Question]) -> list[Row]:
    """The figures of both models; none, and a line that says so, where there is no GPU."""
    if not torch.cuda.is_available():
        print("There is no GPU here: the judge's speed and memory on one were not measured.")
        return []
    return [
        row
        for name, sizes in MODELS.items()
        for row in figures(name, sizes, questions, torch.device("cuda"))
    ]


def figures(
    name: str,
    sizes: Sizes,
    questions: Sequence[Question],
    device: torch.device,
    *,
    side: int = _SIDE,
    new_tokens: int = _NEW_TOKENS,
) -> list[Row]:
    """All figures of one model. Its answers are cut off after `new_tokens`."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), sizes, device, side=side, new_tokens=new_tokens)
        backend = _opened(folder, device, len(questions))
        try:
            found = _speed(name, backend, questions)
            found += _decoding(name, backend, questions)
        finally:
            backend.close()
            del backend
        return found + _memory(name, folder, device, len(questions))


def config_of(sizes: Sizes, vocabulary: int | None = None, **tokens: int) -> Qwen2VLConfig:
    """The configuration of these sizes; `tokens` are ids such as `image_token_id`."""
    text = {
        "max_position_embeddings": 32_768,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": sizes["mrope"],
        },
        "tie_word_embeddings": sizes["tied"],
        **sizes["text"],
    }
    if vocabulary is not None:
        text["vocab_size"] = max(vocabulary, text["vocab_size"])
    vision = {**sizes["vision"], "hidden_size": text["hidden_size"]}
    return Qwen2VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=sizes["tied"], **tokens
    )


def write_model(
    folder: Path, sizes: Sizes, device: torch.device, *, side: int, new_tokens: int
) -> None:
    """Write a judge of these sizes with random weights, made on `device`."""
    random_judge(folder, SMALL, side=side, max_new_tokens=new_tokens)
    given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokens = {key: value for key, value in given.items() if key.endswith("_token_id")}
    config = config_of(sizes, given["text_config"]["vocab_size"], **tokens)
    for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(config.text_config, key, given["text_config"][key])
    for old in folder.glob("*.safetensors"):
        old.unlink()
    with torch.device(device):
        model = Qwen2VLForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    model.save_pretrained(folder)
    del model
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _opened(folder: str, device: torch.device, most: int) -> QwenBackend:
    return QwenBackend(
        JudgeSettings(model=folder, device=str(device), precision="bf16", max_batch=most)
    )


def _speed(name: str, backend: QwenBackend, questions: Sequence[Question]) -> list[Row]:
    answered = int(_ANSWERED * len(questions))
    modes = {
        "verdict": 0,
        "verdict, answers for 30 %": max(1, answered),
        "answers for all": len(questions),
    }
    found = []
    for mode, count in modes.items():
        asked = _asked(questions, count)
        rate = len(asked) / _seconds(lambda asked=asked: backend.judge_all(asked))  # type: ignore[misc]
        found.append(row(f"{name}: {mode}", rate, "ads/s"))
    return found


def _decoding(name: str, backend: QwenBackend, questions: Sequence[Question]) -> list[Row]:
    """Tokens per second of answers, one at a time and together, beside what the memory allows.

    A step reads every weight of the language model once, whatever the number of answers. A step may
    bring several tokens where the grammar leaves no choice, so the share can pass 1.
    """
    limit = _bandwidth(backend) / _step_bytes(backend)
    found = [row(f"{name}: steps that the bandwidth allows", limit, "steps/s")]
    for count in (1, len(questions)):
        part = questions[:count]
        alone = _seconds(lambda part=part: backend.judge_all(_asked(part, 0)))  # type: ignore[misc]
        before = backend.counters().get("written_tokens", 0)
        rounds = 0

        def written(part: Sequence[Question] = part) -> None:
            nonlocal rounds
            rounds += 1
            backend.judge_all(_asked(part, len(part)))

        whole = _seconds(written)
        tokens = (backend.counters().get("written_tokens", 0) - before) / rounds
        rate = tokens / max(whole - alone, 1e-9)
        found += [
            row(f"{name}: {count} at a time, written", rate, "tokens/s"),
            row(f"{name}: {count} at a time, of the limit", rate / (count * limit), "share"),
        ]
    return found


def _memory(name: str, folder: str, device: torch.device, count: int) -> list[Row]:
    found = []
    for what, ads, written in (
        ("pictures", ((448, 20),) * count, False),
        ("answers", ((112, 20),) * count, True),
    ):
        case = Case(what, folder, ads, written=written, precision="bf16", device=str(device))
        peak = measured_here(case)
        found += [
            row(f"{name}: peak, {what}, predicted", peak.predicted / 2**20, "MiB"),
            row(f"{name}: peak, {what}, measured", peak.measured / 2**20, "MiB"),
        ]
    return found


def _asked(questions: Sequence[Question], answers: int) -> list[Question]:
    return [
        replace(question, explain_above=ALWAYS if place < answers else NEVER)
        for place, question in enumerate(questions)
    ]


def _seconds(work: Callable[[], object]) -> float:
    """Of the second of two rounds."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _bandwidth(backend: QwenBackend) -> float:
    """Bytes per second that are read and written while memory is copied."""
    device = backend.engine.loaded.device
    source = torch.empty(_COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        for _ in range(8):
            target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return 8 * 2 * _COPIED / _seconds(copy)


def _step_bytes(backend: QwenBackend) -> int:
    """Bytes of the weights that one step of decoding reads."""
    model = backend.engine.loaded.model
    layers = sum(
        weight.numel() * weight.element_size()
        for weight in model.model.language_model.layers.parameters()
    )
    head = model.lm_head.weight
    return int(layers + head.numel() * head.element_size())
