"""CLIP: pictures and copy in, unit vectors out. Blocking, without state but its counters."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from adjudicate.errors import ConfigurationError
from executors.encoder.checkpoint import Checkpoint, find
from executors.encoder.onnx_towers import OnnxTowers, fingerprint, read_manifest
from executors.encoder.pixels import Pixels, stacked
from executors.encoder.precision import resolve_device, resolve_precision
from executors.encoder.tokens import Tokens
from executors.encoder.towers import TorchTowers, Towers
from executors.encoder.windows import windows
from executors.shared.memory import budget, bytes_per_item
from executors.shared.passes import PassSize
from executors.shared.settings import EncoderSettings, Precision

Vectors = npt.NDArray[np.float32]

_BATCH = {"cuda": 256}
_CPU_BATCH = 32
"""A CPU is no faster with more, and its caches hold these."""
_TEXTS_PER_IMAGE = 4
"""A pass may have so many times as many texts as pictures: they are as much shorter."""


@dataclass
class Counters:
    """What the model has done since it was loaded."""

    forward_passes: int = 0
    images: int = 0
    texts: int = 0


class ClipEncoder:
    """A CLIP model on its device. Safe to call from several threads: passes take turns."""

    def __init__(
        self,
        towers: Towers,
        pixels: Pixels,
        tokens: Tokens,
        settings: EncoderSettings,
        *,
        name: str,
        version: str,
    ) -> None:
        self._towers = towers
        self._pixels = pixels
        self._tokens = tokens
        self._lock = threading.Lock()
        self.name = name
        self.version = version
        self.device = towers.device
        self.precision = towers.precision
        self.logit_scale = towers.logit_scale
        side = settings.decode_side
        self.decode_side = pixels.decode_side if side is None else side
        self.max_batch = settings.max_batch or _BATCH.get(self.device.type, _CPU_BATCH)
        self.counters = Counters()
        self._image_pass, self._text_pass = self._pass_sizes(settings.memory_share)
        self.dimension = int(towers.texts(tokens([""])).shape[1])

    @property
    def context(self) -> int:
        """Tokens that a window may have, its start and end marks included."""
        return self._tokens.context

    @property
    def images_per_pass(self) -> int:
        """Pictures that go through the model at once, as the memory has it now."""
        return self._image_pass.now

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The picture as `encode_pixels` takes it: `[H, W, 3] uint8`."""
        return self._pixels(image)

    def windows(self, text: str, *, one_if_it_fits: bool = False) -> list[str]:
        """The texts in which the model reads a copy; see `windows.py`. None for a blank copy."""
        clean = self._tokens.clean(text)
        return windows(clean, self._tokens.count, self.context, one_if_it_fits=one_if_it_fits)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Embeddings of RGB pictures: `[N, D] float32`, unit norm. Raises as `encode_pixels`."""
        return self.encode_pixels([self.preprocess(image) for image in images])

    def encode_pixels(self, pixels: Sequence[torch.Tensor]) -> Vectors:
        """Embeddings of preprocessed pictures: `[N, D] float32`, unit norm.

        Raises `OutOfMemory` when not even one picture at a time fits.
        """

        def one_pass(part: Sequence[torch.Tensor]) -> torch.Tensor:
            self.counters.forward_passes += 1
            return self._towers.images(stacked(part))

        with self._lock:
            parts = self._image_pass.run(pixels, one_pass, self._towers.free)
            self.counters.images += len(pixels)
        return self._joined(parts)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embeddings of texts: `[N, D] float32`, unit norm. What exceeds the context is not read:
        see `windows`. Raises `OutOfMemory` when not even one text at a time fits."""

        def one_pass(part: Sequence[str]) -> torch.Tensor:
            self.counters.forward_passes += 1
            return self._towers.texts(self._tokens(list(part)))

        with self._lock:
            parts = self._text_pass.run(texts, one_pass, self._towers.free)
            self.counters.texts += len(texts)
        return self._joined(parts)

    def _joined(self, parts: Sequence[torch.Tensor]) -> Vectors:
        # Without the lock: on a GPU another thread's batch goes up while this one is waited for.
        done = [part.cpu().numpy() for part in parts]
        return np.concatenate(done) if done else np.empty((0, self.dimension), np.float32)

    def _pass_sizes(self, share: float) -> tuple[PassSize, PassSize]:
        """The largest passes that a share of the memory holds."""
        towers, parts = self._towers, self._towers.parts()
        bytes_of_image = bytes_of_text = 1.0
        if parts is not None:
            blank = torch.zeros((1, *self._pixels.size, 3), dtype=torch.uint8)
            ids = self._tokens([""])
            image, text = parts
            bytes_of_image = bytes_per_item(
                self.device, image, lambda n: towers.images(blank.repeat(n, 1, 1, 1))
            )
            bytes_of_text = bytes_per_item(
                self.device, text, lambda n: towers.texts(ids.repeat(n, 1))
            )
        held = budget(self.device, share)
        most = self.max_batch
        return (
            PassSize(most, held, bytes_of_image),
            PassSize(_TEXTS_PER_IMAGE * most, held, bytes_of_text),
        )


def load(settings: EncoderSettings) -> ClipEncoder:
    """The model of the settings, ready to encode.

    Raises `ConfigurationError` with one sentence if model, device or precision cannot be had.
    """
    # open_clip is imported where a model is opened: it brings torchvision, timm and transformers,
    # seconds of a processor's time, and a wrong setting is to be said before.
    checkpoint = find(settings.model, settings.pretrained)
    torch.set_num_threads(settings.threads)
    if settings.backend == "onnx":
        return _load_onnx(checkpoint, settings)
    device = resolve_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    model = open_model(checkpoint, settings.pretrained, device, precision)
    pixels = Pixels(model.visual.preprocess_cfg)
    return ClipEncoder(
        TorchTowers(model, pixels, device, precision, settings.compile),
        pixels,
        Tokens(tokenizer_of(checkpoint), model),
        settings,
        name=checkpoint.name,
        version=checkpoint.version,
    )


def _load_onnx(checkpoint: Checkpoint, settings: EncoderSettings) -> ClipEncoder:
    """The int8 export. Its version is its own: its embeddings differ from the model's."""
    if settings.onnx is None:
        raise ConfigurationError("ADJUDICATE_ENCODER__ONNX: the onnx backend needs a folder.")
    if settings.device not in ("auto", "cpu") or settings.precision != "auto":
        raise ConfigurationError("The onnx backend computes in int8 on the CPU, and nothing else.")
    manifest = read_manifest(settings.onnx)
    if manifest.source != checkpoint.version:
        raise ConfigurationError(
            f"ADJUDICATE_ENCODER__ONNX: {settings.onnx} was exported from {manifest.source}, "
            f"not from {checkpoint.version}."
        )
    pixels = Pixels(manifest.preprocess)
    towers = OnnxTowers(settings.onnx, pixels, settings.threads)
    return ClipEncoder(
        towers,
        pixels,
        Tokens(tokenizer_of(checkpoint), model=None),
        settings,
        name=checkpoint.name,
        version=f"{checkpoint.name}-int8-{fingerprint(settings.onnx)}",
    )


def tokenizer_of(checkpoint: Checkpoint) -> Any:
    """open_clip's tokenizer of a model."""
    import open_clip

    return open_clip.get_tokenizer(checkpoint.source)


def open_model(
    checkpoint: Checkpoint, pretrained: str, device: torch.device, precision: Precision
) -> Any:
    """The open_clip model with its weights. Raises `ConfigurationError` if they are no model."""
    import open_clip

    try:
        # The precision is given when the model is made, not after: open_clip then keeps the
        # layer norms in fp32 and casts the weights, of whatever type on disk, as it loads them.
        model, _ = open_clip.create_model_from_pretrained(
            checkpoint.source, pretrained or None, precision=precision, device=device
        )
    except Exception as error:  # a broken file fails in the parsers of JSON or safetensors
        raise ConfigurationError(
            f"The model {checkpoint.name} cannot be loaded: {str(error).splitlines()[0]}"
        ) from error
    return model
