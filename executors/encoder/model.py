"""CLIP: pictures and copy in, unit vectors out. Blocking, without state but its counters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image

from adjudicate.errors import ConfigurationError
from executors.encoder.checkpoint import Checkpoint, find
from executors.encoder.precision import resolve_device, resolve_precision
from executors.encoder.tokens import Tokens
from executors.encoder.windows import windows
from executors.shared.settings import EncoderSettings, Precision

Vectors = npt.NDArray[np.float32]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_MAX_IMAGES, _MAX_TEXTS = 64, 256
"""In one forward pass: bounds the memory that a batch takes."""
_MAX_ASPECT = 100


@dataclass
class Counters:
    """What the model has done since it was loaded."""

    forward_passes: int = 0
    images: int = 0
    texts: int = 0


class ClipEncoder:
    """An open_clip model on its device. Safe to call from several threads: passes take turns."""

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Image.Image], torch.Tensor],
        tokens: Tokens,
        *,
        name: str,
        version: str,
        device: torch.device,
        precision: Precision,
    ) -> None:
        self._model = model.eval().requires_grad_(False)
        self._preprocess = preprocess
        self._tokens = tokens
        self._lock = threading.Lock()
        self.name = name
        self.version = version
        self.device = device
        self.precision = precision
        self.counters = Counters()
        self.dimension = self.encode_texts([""]).shape[1]
        self.counters = Counters()

    @property
    def context(self) -> int:
        """Tokens that a window may have, its start and end marks included."""
        return self._tokens.context

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The picture as the model takes it: `[3, H, W] float32`.

        A picture more than a hundred times as long as wide is first squashed to that: scaled by its
        short side, as most models want it, it would fill the memory.
        """
        width, height = image.size
        longest = _MAX_ASPECT * min(width, height)
        if max(width, height) > longest:
            image = image.resize((min(width, longest), min(height, longest)))
        return self._preprocess(image)

    def windows(self, text: str, *, one_if_it_fits: bool = False) -> list[str]:
        """The texts in which the model reads a copy; see `windows.py`. None for a blank copy."""
        clean = self._tokens.clean(text)
        return windows(clean, self._tokens.count, self.context, one_if_it_fits=one_if_it_fits)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Embeddings of RGB pictures: `[N, D] float32`, unit norm."""
        return self.encode_pixels([self.preprocess(image) for image in images])

    def encode_pixels(self, pixels: Sequence[torch.Tensor]) -> Vectors:
        """Embeddings of preprocessed pictures: `[N, D] float32`, unit norm."""
        parts = []
        for start in range(0, len(pixels), _MAX_IMAGES):
            batch = torch.stack(list(pixels[start : start + _MAX_IMAGES]))
            batch = batch.to(_DTYPES[self.precision])
            parts.append(self._pass(self._model.encode_image, batch))
            with self._lock:
                self.counters.images += len(batch)
        return self._joined(parts)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embeddings of texts: `[N, D] float32`, unit norm. What exceeds the context is not read:
        see `windows`."""
        parts = []
        for start in range(0, len(texts), _MAX_TEXTS):
            batch = self._tokens(list(texts[start : start + _MAX_TEXTS]))
            parts.append(self._pass(self._model.encode_text, batch))
            with self._lock:
                self.counters.texts += len(batch)
        return self._joined(parts)

    def _pass(self, tower: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> Vectors:
        with self._lock, torch.inference_mode():
            self.counters.forward_passes += 1
            features = tower(batch.to(self.device)).float()
            # In fp32: the norm of a bf16 vector is off by a quarter of a percent.
            vectors: Vectors = torch.nn.functional.normalize(features, dim=-1).cpu().numpy()
        return vectors

    def _joined(self, parts: list[Vectors]) -> Vectors:
        return np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)


def load(settings: EncoderSettings) -> ClipEncoder:
    """The model of the settings, ready to encode.

    Raises `ConfigurationError` with one sentence if model, device or precision cannot be had.
    """
    device = resolve_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    checkpoint = find(settings.model, settings.pretrained)
    torch.set_num_threads(settings.threads)
    model, preprocess = _load(checkpoint, settings.pretrained, device, precision)
    return ClipEncoder(
        model,
        preprocess,
        Tokens(open_clip.get_tokenizer(checkpoint.source), model),
        name=checkpoint.name,
        version=f"{checkpoint.name}-{checkpoint.fingerprint()}",
        device=device,
        precision=precision,
    )


def _load(
    checkpoint: Checkpoint, pretrained: str, device: torch.device, precision: Precision
) -> tuple[Any, Callable[[Image.Image], torch.Tensor]]:
    try:
        # The precision is given when the model is made, not after: open_clip then keeps the
        # layer norms in fp32 and casts the weights, of whatever type on disk, as it loads them.
        model, preprocess = open_clip.create_model_from_pretrained(
            checkpoint.source, pretrained or None, precision=precision, device=device
        )
    except Exception as error:  # a broken file fails in the parsers of JSON, safetensors or pickle
        raise ConfigurationError(
            f"The model {checkpoint.name} cannot be loaded: {str(error).splitlines()[0]}"
        ) from error
    return model, preprocess
