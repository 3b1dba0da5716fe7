"""The bare loop: decode, preprocess, forward, with nothing around it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import open_clip
import torch
from open_clip.transform import PreprocessCfg
from PIL import Image
from safetensors.torch import save_file

from executors.encoder.model import ClipEncoder, load
from executors.shared.images import decode
from executors.shared.settings import EncoderSettings, ImageLimits, Precision

BATCH = 32


def save_random(folder: Path, architecture: str) -> Path:
    """A model of seeded random weights as a folder in open_clip's layout."""
    torch.manual_seed(0)
    model = open_clip.create_model(architecture)
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preprocess = {**asdict(PreprocessCfg()), "size": model.visual.image_size}
    document = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": preprocess,
    }
    (folder / "open_clip_config.json").write_text(json.dumps(document))
    return folder


class Bare:
    """The served model in this process, one model thread, batches of 32."""

    def __init__(self, model: Path, precision: Precision = "auto") -> None:
        self.encoder: ClipEncoder = load(
            EncoderSettings(model=str(model), device="cpu", precision=precision, threads=1)
        )

    def measure(self, images: Sequence[bytes]) -> float:
        """CPU ms per image, decoded as the room decodes."""
        limits, encoder = ImageLimits(), self.encoder
        started = time.process_time()
        for at in range(0, len(images), BATCH):
            pictures = (
                decode(data, limits, encoder.decode_side) for data in images[at : at + BATCH]
            )
            encoder.encode_pixels([encoder.preprocess(picture) for picture in pictures])
        return (time.process_time() - started) / len(images) * 1_000


class Stock:
    """open_clip as its own examples use it: full decode, its preprocessing, fp32."""

    def __init__(self, model: Path) -> None:
        torch.set_num_threads(1)
        self._model, self._preprocess = open_clip.create_model_from_pretrained(f"local-dir:{model}")
        self._model.eval()

    def measure(self, images: Sequence[bytes]) -> float:
        """CPU ms per image."""
        started = time.process_time()
        with torch.inference_mode():
            for at in range(0, len(images), BATCH):
                pictures = (Image.open(io.BytesIO(data)) for data in images[at : at + BATCH])
                pixels = torch.stack([self._preprocess(picture) for picture in pictures])
                self._model.encode_image(pixels, normalize=True)
        return (time.process_time() - started) / len(images) * 1_000
