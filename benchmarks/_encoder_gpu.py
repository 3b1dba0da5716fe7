"""On a GPU: images per second served beside the bare fp16 loop, and what fp16 costs in accuracy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from benchmarks._bare import save_random
from benchmarks._photos import photos
from benchmarks.rows import Row, row
from executors.encoder.model import ClipEncoder, load
from executors.shared.images import decode
from executors.shared.settings import Compile, EncoderSettings, ImageLimits, Precision

ARCHITECTURES = ("ViT-B-32", "ViT-L-14")
COMPILED: tuple[Compile, ...] = ("none", "compile", "cudagraphs")
BATCH = 256
PHOTOS = 128
SECONDS = 4.0
DECODERS = 8


def on_the_gpu() -> list[Row]:
    """For each architecture: the bare loop, the room's own path, decoding, fp16 against fp32."""
    images = photos(PHOTOS)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for architecture in ARCHITECTURES:
            model = save_random(Path(folder) / architecture.lower(), architecture)
            rows += _speed(architecture, model, images) + _agreement(architecture, model, images)
    return rows


def _encoder(model: Path, precision: Precision = "fp16", compiled: Compile = "none") -> ClipEncoder:
    return load(
        EncoderSettings(
            model=str(model), device="cuda", precision=precision, compile=compiled, max_batch=BATCH
        )
    )


def _speed(architecture: str, model: Path, images: Sequence[bytes]) -> list[Row]:
    rows: list[Row] = []
    encoder = _encoder(model)
    limits = ImageLimits()

    def prepared(data: bytes) -> torch.Tensor:
        return encoder.preprocess(decode(data, limits, encoder.decode_side))

    pixels = [prepared(data) for data in images]
    batch = (pixels * (BATCH // len(pixels) + 1))[:BATCH]
    bare = _rate(BATCH, lambda: encoder.encode_pixels(batch))
    rows.append(row(f"{architecture}, fp16, forward alone", bare, "images/s"))
    for how in COMPILED[1:]:
        other = _encoder(model, compiled=how)
        rate = _rate(BATCH, lambda other=other: other.encode_pixels(batch))  # type: ignore[misc]
        rows.append(row(f"{architecture}, fp16, {how}: forward alone", rate, "images/s"))
        del other
        torch.cuda.empty_cache()
    with ThreadPoolExecutor(DECODERS) as pool:
        decoding = _rate(len(images), lambda: list(pool.map(prepared, images)))

        def overlapped() -> None:
            # The next batch is decoded while this one is computed, as the room does it.
            coming = [pool.submit(prepared, data) for data in images]
            encoder.encode_pixels(pixels)
            for one in coming:
                one.result()

        both = _rate(len(images), overlapped)
    rows += [
        row(f"{architecture}, decode in {DECODERS} threads", decoding, "images/s"),
        row(f"{architecture}, decode beside the model", both, "images/s"),
        row(f"{architecture}, share of the bare fp16 loop", both / bare),
        row(f"{architecture}, decode-bound (1) or model-bound (0)", float(decoding < bare)),
    ]
    return rows


def _agreement(architecture: str, model: Path, images: Sequence[bytes]) -> list[Row]:
    pictures = [decode(data, ImageLimits()) for data in images]
    vectors, memory = {}, {}
    for precision in ("fp32", "fp16"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        encoder = _encoder(model, precision)  # type: ignore[arg-type]
        vectors[precision] = encoder.encode_images(pictures)
        memory[precision] = torch.cuda.max_memory_allocated() / 2**20
        del encoder
    half, full = vectors["fp16"], vectors["fp32"]
    cosines = (half * full).sum(axis=1)
    # The nearest of the others: what a search would have answered first.
    nearest = [np.argmax(v @ v.T - 2 * np.eye(len(v)), axis=1) for v in (half, full)]
    return [
        row(f"{architecture}, fp16 against fp32: least cosine", float(cosines.min())),
        row(f"{architecture}, fp16: top-1 agreement", float((nearest[0] == nearest[1]).mean())),
        row(f"{architecture}, peak memory, fp32", memory["fp32"], "MiB"),
        row(f"{architecture}, peak memory, fp16", memory["fp16"], "MiB"),
    ]


def _rate(items: int, work: Callable[[], object]) -> float:
    """Items per second of repeated work, after two rounds to warm up."""
    work()
    work()
    torch.cuda.synchronize()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        work()
        done += items
    torch.cuda.synchronize()
    return done / (time.perf_counter() - started)
