"""CPU of an ad's picture beside the models: before the encoder, and before a judge's server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks._costs import Costs
from benchmarks._photos import photos
from benchmarks.rows import Row, row
from executors.encoder.pixels import Pixels
from executors.judge.server.chat import data_url
from executors.shared.images import decode
from executors.shared.perceptual_hash import perceptual_hash
from executors.shared.settings import ImageLimits, JudgeSettings

PHOTOS = 96
VIT_L_14 = {
    "size": 224,
    "mode": "RGB",
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
"""open_clip's preprocessing of ViT-L-14."""


def rows(costs: Costs) -> Iterator[Row]:
    """Of JPEGs of about a megapixel, in one thread."""
    limits, pixels = ImageLimits(), Pixels(VIT_L_14)
    most = JudgeSettings().max_pixels

    def for_the_encoder(data: bytes) -> None:
        image = decode(data, limits, pixels.decode_side)
        pixels(image)
        perceptual_hash(image)

    def for_a_server(data: bytes) -> None:
        data_url(decode(data, limits), most)

    pictures = photos(PHOTOS)
    yield row("photos", statistics.mean(map(len, pictures)), "bytes")
    for name, figure, work in (
        ("encoder: a photo decoded, hashed, resized for ViT-L-14", "encoder", for_the_encoder),
        ("judge: a photo decoded and packed for a server", "judge", for_a_server),
    ):
        ms = _cpu_ms(pictures, work)
        yield row(name, ms, "CPU ms")
        costs.put(f"{figure}.picture_ms", ms)


def _cpu_ms(pictures: list[bytes], work: Callable[[bytes], None]) -> float:
    spent = []
    for data in pictures:
        before = time.process_time()
        work(data)
        spent.append((time.process_time() - before) * 1_000)
    return statistics.median(spent)
