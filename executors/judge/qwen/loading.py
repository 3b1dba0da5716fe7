"""Processor and weights of a Qwen2-VL, from a local folder or the hub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration
from transformers.utils import logging as transformers_logging

from adjudicate.errors import ConfigurationError
from executors.judge.model_config import ModelConfig, read_model_config
from executors.judge.qwen.attention import use_packed_attention
from executors.judge.qwen.vision import adapt
from executors.shared.settings import JudgeSettings

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_HASHED_WHOLE = 64 * 1024 * 1024
_SAMPLED, _BLOCK = 1_024, 4_096


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to be asked."""

    name: str
    version: str
    device: torch.device
    precision: str
    config: ModelConfig
    processor: Any
    model: Any

    @property
    def dtype(self) -> torch.dtype:
        return _DTYPES[self.precision]


def load(settings: JudgeSettings) -> Loaded:
    """Load what the settings name. Raises `ConfigurationError` with what to set.

    Weights are read from safetensors alone: a pickle could run code.
    """
    torch.set_num_threads(settings.threads)
    transformers_logging.disable_progress_bar()
    device = _device(settings.device)
    precision = _precision(settings.precision, device)
    folder = Path(settings.model)
    own = read_model_config(folder) if folder.is_dir() else ModelConfig()
    processor, model = _from_pretrained(settings, device, _DTYPES[precision])
    adapt(model.model.visual, eager=settings.attention == "eager")
    use_packed_attention(model.model.language_model)
    return Loaded(
        name=folder.resolve().name if folder.is_dir() else settings.model,
        version=_version(folder, model),
        device=device,
        precision=precision,
        config=own.overridden(settings),
        processor=processor,
        model=model,
    )


def _from_pretrained(
    settings: JudgeSettings, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    source = settings.model
    local = Path(source).is_dir()
    extra: dict[str, Any] = {}
    if settings.quantization != "none":
        from executors.judge.qwen.quantize import quantized_kwargs

        extra = dict(quantized_kwargs(settings.quantization, device, dtype))
    try:
        processor = AutoProcessor.from_pretrained(
            source, local_files_only=local, trust_remote_code=False
        )
        model = Qwen2VLForConditionalGeneration.from_pretrained(
            source,
            dtype=dtype,
            attn_implementation=settings.attention,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=local,
            **extra,
        )
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"The judge's model {source!r} cannot be loaded ({reason.rstrip('.')}): set "
            "ADJUDICATE_JUDGE__MODEL to a folder with a Qwen2-VL in safetensors, or to its name "
            "on the hub."
        ) from None
    if "sliding_attention" in model.config.text_config.layer_types:
        raise ConfigurationError(
            f"The judge's model {source!r} has layers with a sliding window, which the judge does "
            "not compute: set ADJUDICATE_JUDGE__MODEL to one without."
        )
    # Quantized weights already stand where they are to stay.
    return processor, (model if extra else model.to(device)).eval()


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ConfigurationError(f"ADJUDICATE_JUDGE__DEVICE: {wanted!r} is no device.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(f"ADJUDICATE_JUDGE__DEVICE: {wanted!r} asks for a missing GPU.")
    return device


def _precision(wanted: str, device: torch.device) -> str:
    """On a CPU float32, in which an ad's verdict does not depend on what it is batched with."""
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(False) else "fp16"


def _version(folder: Path, model: Any) -> str:
    """12 hex digits: of a folder's files (of large ones a sample), or the hub's revision."""
    if not folder.is_dir():
        return str(getattr(model.config, "_commit_hash", None) or "unknown")[:12]
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".jinja"):
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            digest.update(path.read_bytes() if size <= _HASHED_WHOLE else _sample(path, size))
    return digest.hexdigest()[:12]


def _sample(path: Path, size: int) -> bytes:
    """Blocks from all over a file: models tuned from the same one differ nearly everywhere."""
    with path.open("rb") as file:
        parts = []
        for block in range(_SAMPLED):
            file.seek(block * (size - _BLOCK) // (_SAMPLED - 1))
            parts.append(file.read(_BLOCK))
        return b"".join(parts)
