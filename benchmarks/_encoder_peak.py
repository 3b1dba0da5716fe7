"""What one more picture, or text, costs a pass of the encoder on a CPU: predicted and measured."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

import torch

from benchmarks._resident import in_fresh_process, peak_bytes
from executors.encoder.model import load
from executors.shared.memory import bytes_per_item
from executors.shared.settings import EncoderSettings, Precision

_IMAGES, _TEXTS = 64, 256


@dataclass(frozen=True)
class Costs:
    """Predicted to measured bytes per item."""

    images: float
    texts: float


def costs_apart(folder: str, precision: Precision) -> Costs:
    """Measured in a fresh process; see `_resident.py`."""
    given = {"folder": folder, "precision": precision}
    return Costs(**in_fresh_process("benchmarks._encoder_peak", given))


def costs(folder: str, precision: Precision) -> Costs:
    """Of blank pictures and texts: their size is that of all others."""
    encoder = load(EncoderSettings(model=folder, precision=precision, device="cpu"))
    towers, cpu = encoder._towers, torch.device("cpu")
    parts = towers.parts()
    assert parts is not None, "the model is one of PyTorch"
    picture = torch.zeros((1, *encoder._pixels.size, 3), dtype=torch.uint8)
    ids = encoder._tokens([""])

    def images(count: int) -> object:
        return towers.images(picture.repeat(count, 1, 1, 1))

    def texts(count: int) -> object:
        return towers.texts(ids.repeat(count, 1))

    ratios = []
    for tower, one_pass, count in ((parts[0], images, _IMAGES), (parts[1], texts, _TEXTS)):
        predicted = count * bytes_per_item(cpu, tower, one_pass)
        one_pass(2)
        measured = peak_bytes(cpu, lambda run=one_pass, n=count: run(n))  # type: ignore[misc]
        ratios.append(predicted / measured)
    return Costs(*ratios)


if __name__ == "__main__":
    print(json.dumps(asdict(costs(**json.load(sys.stdin)))))
