"""The two towers of an open_clip model in PyTorch: batches in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from executors.encoder.graphs import accelerated
from executors.encoder.pixels import Pixels
from executors.shared.settings import Compile, Precision

Tower = Callable[[torch.Tensor], torch.Tensor]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Towers(Protocol):
    """What computes embeddings, on its device. One caller at a time; what it returns may still be
    under way on a GPU, so that the caller can already hand in the next batch."""

    device: torch.device
    precision: str
    logit_scale: float
    """What cosines are multiplied by before a softmax makes probabilities of them."""

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """`[N, H, W, 3] uint8` to `[N, D] float32`, unit norm."""

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """`[N, context] int64` to `[N, D] float32`, unit norm."""

    def free(self) -> None:
        """Give cached memory back."""

    def parts(self) -> tuple[torch.nn.Module, torch.nn.Module] | None:
        """The modules of image and text, where there are such."""


class TorchTowers:
    """An open_clip model on its device.

    On a GPU a batch goes up from pinned memory on a stream of its own, while the one before it is
    still computed.
    """

    def __init__(
        self,
        model: Any,
        pixels: Pixels,
        device: torch.device,
        precision: Precision,
        compiled: Compile = "none",
    ) -> None:
        self._model = model.eval().requires_grad_(False)
        self._pixels = pixels
        self.device = device
        self.precision: str = precision
        self._dtype = _DTYPES[precision]
        self.logit_scale = float(model.logit_scale.exp())
        self._uploads: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._uploads = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._image: Tower = accelerated(self._image_features, compiled, device)
        self._text: Tower = accelerated(self._text_features, compiled, device)

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        with torch.inference_mode():
            return self._image(self._uploaded(pixels))

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        with torch.inference_mode():
            return self._text(self._uploaded(ids))

    def free(self) -> None:
        """See `Towers`. The CPU's allocator keeps nothing back."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def parts(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        """See `Towers`. Not every model has a text tower of its own: then it is the whole."""
        return self._model.visual, getattr(self._model, "text", self._model)

    def _uploaded(self, batch: torch.Tensor) -> torch.Tensor:
        if self._uploads is None:
            return batch.to(self.device)
        pinned = batch.pin_memory()
        with torch.cuda.stream(self._uploads):
            there = pinned.to(self.device, non_blocking=True)
        computing = torch.cuda.current_stream(self.device)
        computing.wait_stream(self._uploads)
        # The allocator must not hand its memory to the next upload while the model reads it.
        there.record_stream(computing)
        return there

    def _image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        batch = self._pixels.normalized(pixels, self.device, self._dtype)
        return _unit(self._model.encode_image(batch))

    def _text_features(self, ids: torch.Tensor) -> torch.Tensor:
        return _unit(self._model.encode_text(ids))


def _unit(features: torch.Tensor) -> torch.Tensor:
    # In fp32: the norm of a bf16 vector is off by a quarter of a percent.
    return torch.nn.functional.normalize(features.float(), dim=-1)
