"""From an open_clip model to two int8 files for ONNX Runtime, held against the model in fp32."""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from adjudicate.errors import AdError, ConfigurationError
from executors.encoder.checkpoint import find
from executors.encoder.model import Vectors, open_model, tokenizer_of
from executors.encoder.onnx_towers import MANIFEST, Manifest, OnnxTowers, file_of
from executors.encoder.pixels import Pixels, stacked
from executors.encoder.tokens import Tokens
from executors.encoder.towers import TorchTowers, Towers
from executors.shared.images import decode
from executors.shared.settings import ImageLimits

OPSET = 17
LEAST_COSINE = 0.97
"""Of every sample with the fp32 model; below it nothing is written. Dynamic int8 keeps 0.99 of a
ViT-B-32, but a small or badly scaled model may lose more than a threshold can stand."""

_TEXTS = (
    *(
        "Cures diabetes in 7 days",
        "七天治愈糖尿病",
        "A cup of tea",
        "100% natural",
        "治愈率高达98%",
    ),
    *("Clinically proven, no side effects", "New flavours", "a photo of a cat"),
)
_CPU = torch.device("cpu")
_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp"))


@dataclass(frozen=True)
class Agreement:
    """How a tower in int8 compares with it in fp32, over samples."""

    tower: str
    samples: int
    mean_cosine: float
    least_cosine: float
    fp32_ms: float
    """CPU, per item, in batches of 8."""
    int8_ms: float


class _Tower(torch.nn.Module):
    """One tower, its output of unit length, as a module of its own."""

    def __init__(self, model: Any, encode: str) -> None:
        super().__init__()
        self.model = model
        self._encode = encode

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = getattr(self.model, self._encode)(batch)
        return torch.nn.functional.normalize(features, dim=-1)


def export(
    model: str,
    pretrained: str,
    folder: Path,
    samples: Sequence[Image.Image] = (),
    least_cosine: float = LEAST_COSINE,
) -> list[Agreement]:
    """Write `image.onnx`, `text.onnx` and a manifest to `folder`; how well they agree.

    `samples` are pictures to compare on; without any, photo-like noise. Raises
    `ConfigurationError` if the model cannot be had, onnx is not installed, or a sample's cosine
    with the fp32 model is below `least_cosine`: then nothing is written.
    """
    checkpoint = find(model, pretrained)
    loaded = open_model(checkpoint, pretrained, _CPU, "fp32")
    pixels = Pixels(loaded.visual.preprocess_cfg)
    tokens = Tokens(tokenizer_of(checkpoint), loaded)
    stock = TorchTowers(loaded, pixels, _CPU, "fp32")
    images = stacked([pixels(image) for image in samples or _noise()])
    ids = tokens(list(_TEXTS))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        there = Path(made)
        plain = pixels.normalized(images[:2], _CPU, torch.float32)
        _write(_Tower(loaded, "encode_image"), plain, file_of(there, "image"))
        _write(_Tower(loaded, "encode_text"), ids[:2], file_of(there, "text"))
        manifest = Manifest(
            source=checkpoint.version,
            preprocess=pixels.config,
            logit_scale=stock.logit_scale,
        )
        (there / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
        int8 = OnnxTowers(there, pixels, threads=1)
        found = [
            _compare("image", stock, int8, images, lambda t, batch: t.images(batch)),
            _compare("text", stock, int8, ids, lambda t, batch: t.texts(batch)),
        ]
        worst = min(found, key=lambda one: one.least_cosine)
        if worst.least_cosine < least_cosine:
            raise ConfigurationError(
                f"In int8 the {worst.tower} tower of {checkpoint.name} keeps a cosine of only "
                f"{worst.least_cosine:.4f} with fp32, below {least_cosine}; nothing was written."
            )
        _move(there, folder, found)
    return found


def _write(tower: torch.nn.Module, example: torch.Tensor, file: Path) -> None:
    """Export in fp32, then quantise the weights; activations are quantised as they come."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise ConfigurationError(
            "Exporting needs onnx and onnxruntime: pip install 'adjudicate[onnx]'."
        ) from None
    full = file.with_suffix(".fp32.onnx")
    with torch.inference_mode(), warnings.catch_warnings():
        # Of constants in the trace: shapes but for the number of items do not change.
        warnings.simplefilter("ignore")
        # The fused encoder layer of torch has no counterpart in ONNX.
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            torch.onnx.export(
                tower.eval(),
                (example,),
                str(full),
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                opset_version=OPSET,
                dynamo=False,
            )
        finally:
            torch.backends.mha.set_fastpath_enabled(True)
    quantize_dynamic(
        full,
        file,
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    full.unlink()


def _compare(
    name: str,
    stock: Towers,
    int8: Towers,
    batch: torch.Tensor,
    call: Callable[[Towers, torch.Tensor], torch.Tensor],
) -> Agreement:
    expected, fp32_ms = _timed(stock, batch, call)
    got, int8_ms = _timed(int8, batch, call)
    cosines = (expected * got).sum(axis=1)
    return Agreement(
        name, len(batch), float(cosines.mean()), float(cosines.min()), fp32_ms, int8_ms
    )


def _timed(
    towers: Towers, batch: torch.Tensor, call: Callable[[Towers, torch.Tensor], torch.Tensor]
) -> tuple[Vectors, float]:
    call(towers, batch[:1])
    started = time.process_time()
    parts = [call(towers, batch[at : at + 8]).numpy() for at in range(0, len(batch), 8)]
    spent = time.process_time() - started
    return np.concatenate(parts), spent / len(batch) * 1_000


def _move(made: Path, folder: Path, found: Sequence[Agreement]) -> None:
    (made / "agreement.json").write_text(json.dumps([asdict(one) for one in found], indent=1))
    folder.mkdir(exist_ok=True)
    for file in made.iterdir():
        file.replace(folder / file.name)


def pictures_in(folder: Path) -> list[Image.Image]:
    """The pictures of a folder, its subfolders included. Raises `ConfigurationError` if none."""
    limits = ImageLimits()
    found = []
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _SUFFIXES:
            try:
                found.append(decode(file.read_bytes(), limits))
            except AdError as error:
                raise ConfigurationError(f"{file}: {error.detail}") from None
    if not found:
        raise ConfigurationError(f"{folder} has no pictures.")
    return found


def _noise() -> list[Image.Image]:
    """Coloured blocks of several sizes, from a seed."""
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 255, (3 + n, 5 + n, 3), np.uint8)).resize(
            (320, 256), Image.Resampling.BICUBIC
        )
        for n in range(16)
    ]
