"""When memory runs out: the batch halves, then single items, then that item's error, no more."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from docarray import DocList
from PIL import Image

from adjudicate.documents import Ad
from adjudicate.errors import Code
from executors.encoder.executor import Encoder
from executors.encoder.memory import (
    CALM_PASSES,
    OutOfMemory,
    PassSize,
    budget,
    bytes_per_item,
    is_out_of_memory,
)
from executors.encoder.model import load
from executors.shared.settings import EncoderSettings, Settings
from tests.encoder.random_clip import pictures

CPU = torch.device("cpu")
SAID = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class Device:
    """A pass that fails above a number of items, as a full device does."""

    def __init__(self, holds: int) -> None:
        self.holds = holds
        self.tried: list[int] = []
        self.freed = 0

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.holds:
            raise RuntimeError(SAID)
        return list(items)

    def free(self) -> None:
        self.freed += 1


def run(size: PassSize, device: Device, items: Sequence[int]) -> list[int]:
    return [item for part in size.run(items, device, device.free) for item in part]


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    size, device = PassSize(32, 1e9, 1), Device(holds=9)
    assert run(size, device, range(40)) == list(range(40))
    assert device.tried == [32, 16, 8, 8, 8, 8, 8]
    assert device.freed == 2
    assert size.now == 8


def test_single_items_are_the_end() -> None:
    size, device = PassSize(4, 1e9, 1), Device(holds=0)
    with pytest.raises(OutOfMemory, match="can't allocate"):
        run(size, device, range(3))
    assert device.tried == [3, 1]


def test_the_number_grows_again_after_calm_passes_and_not_above_the_most() -> None:
    size, device = PassSize(32, 1e9, 1), Device(holds=8)
    run(size, device, range(32))
    assert size.now == 8
    device.holds = 100
    run(size, device, range(8 * CALM_PASSES))
    assert size.now == 16
    run(size, device, range(16 * CALM_PASSES + 100 * 32))
    assert size.now == 32


def test_any_other_error_is_raised_as_it_is() -> None:
    def broken(items: Sequence[int]) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        PassSize(4, 1e9, 1).run([1, 2], broken, lambda: None)


def test_the_first_number_is_what_the_budget_holds() -> None:
    assert PassSize(32, budget=1_000, per_item=100).now == 10
    assert PassSize(32, budget=1_000, per_item=10).now == 32
    assert PassSize(32, budget=0, per_item=10).now == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 254.00 GiB"),
        MemoryError(),
        RuntimeError(SAID),
        RuntimeError("std::bad_alloc"),
        RuntimeError("Failed to allocate memory for requested buffer of size 1073741824"),
    ],
)
def test_every_way_to_say_it_is_known(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("no such operator"))


def test_the_cpus_prediction_grows_with_the_model() -> None:
    def predicted(width: int) -> float:
        tower = torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.Linear(width, 8))
        return bytes_per_item(CPU, tower, lambda n: tower(torch.zeros(n, 8)))

    assert predicted(1_000) >= 4 * 4 * 1_000
    assert predicted(2_000) > 1.9 * predicted(1_000)
    assert 0 < budget(CPU, 0.4) < budget(CPU, 0.8)


async def test_one_picture_that_does_not_fit_is_that_ads_error(
    small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = [png(image) for image in (Image.new("RGB", (64, 64)), *pictures(5))]
    settings = EncoderSettings(model=str(small_folder), precision="fp32", max_wait_ms=10_000)
    room = Encoder(settings=Settings(encoder=settings))
    real = room.model._towers.images
    sizes: list[int] = []

    def full(pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        if len(pixels) > 2 or bool((pixels == 0).flatten(1).all(dim=1).any()):
            raise RuntimeError(SAID)
        return real(pixels)

    monkeypatch.setattr(room.model._towers, "images", full)
    ads = [Ad(image=data) for data in encoded]
    cases = await room.screen(docs=DocList[Ad]([*ads, Ad(text="tea")]))
    black, *others = cases
    assert black.problem is not None
    assert black.problem.code == Code.OUT_OF_MEMORY
    assert black.image_embedding is None
    assert [case.problem for case in others] == [None] * len(others)
    assert all(case.image_embedding is not None for case in others[:-1])
    assert max(sizes) == len(encoded)
    monkeypatch.undo()
    (again,) = await room.screen(docs=DocList[Ad](ads[:1]))
    assert again.problem is None
    room.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_full_gpu_still_answers(vit_folder: Path) -> None:
    encoder = load(EncoderSettings(model=str(vit_folder), max_batch=512))
    images = pictures(8) * 64
    expected = encoder.encode_images(images[:8])
    free, _ = torch.cuda.mem_get_info()
    hog = torch.empty(free - 64 * 2**20, dtype=torch.uint8, device="cuda")
    try:
        got = encoder.encode_images(images)
    finally:
        del hog
        torch.cuda.empty_cache()
    assert (got.reshape(64, 8, -1) * expected).sum(-1).min() >= 0.999
