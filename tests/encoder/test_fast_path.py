"""Pictures decoded at a reduced scale, and preprocessed by our own way, mean the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageDraw, ImageFont

from benchmarks._photos import photos
from executors.encoder.model import ClipEncoder, load
from executors.encoder.pixels import Pixels, stacked
from executors.shared.images import decode
from executors.shared.perceptual_hash import hash_distance, perceptual_hash
from executors.shared.settings import ROOT, EncoderSettings, ImageLimits, LibrarySettings
from tests.encoder.random_clip import pictures

LIMITS = ImageLimits()
FONT = ROOT / "models" / "render" / "fonts" / "inter.ttf"
LINE = "cures diabetes in seven days, natural herbal tea, clinically proven"


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def page(seed: int, size: tuple[int, int], height: int) -> bytes:
    """Lines of small text in changing colours."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(rng.integers(200, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(FONT), height)
    for top in range(8, size[1] - height, round(1.4 * height)):
        words = rng.permutation(LINE.split())
        ink = tuple(rng.integers(0, 120, 3).tolist())
        draw.text((10, top), " ".join([*words, *words, *words]), fill=ink, font=font)
    return jpeg(image)


def large(data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    return jpeg(image.resize((image.width * 5 // 2, image.height * 5 // 2)))


@pytest.fixture(scope="module")
def pages() -> list[bytes]:
    sizes = [((1152, 864), 14), ((1024, 1024), 24), ((1200, 700), 48), ((2600, 2000), 40)]
    return [page(n, size, height) for n, (size, height) in enumerate(sizes)]


@pytest.fixture(scope="module")
def shots() -> list[bytes]:
    small = photos(4, seed=7)
    return [*small, large(small[0]), large(small[1])]


@pytest.fixture(scope="module", params=["vit", "shipped"])
def encoder(request: pytest.FixtureRequest, vit_folder: Path) -> ClipEncoder:
    folder = ROOT / "models" / "clip" if request.param == "shipped" else vit_folder
    return load(EncoderSettings(model=str(folder), device="cpu", precision="fp32"))


@pytest.mark.parametrize("kind", ["shots", "pages"])
def test_the_embedding_is_that_of_the_full_decode(
    encoder: ClipEncoder, kind: str, request: pytest.FixtureRequest
) -> None:
    files = request.getfixturevalue(kind)
    reduced = [decode(data, LIMITS, encoder.decode_side) for data in files]
    full = [decode(data, LIMITS) for data in files]
    assert any(a.size < b.size for a, b in zip(reduced, full, strict=True))
    cosines = (encoder.encode_images(reduced) * encoder.encode_images(full)).sum(axis=1)
    assert cosines.min() >= 0.995


def test_the_hash_is_that_of_the_full_decode(shots: list[bytes], pages: list[bytes]) -> None:
    def distance(data: bytes) -> int:
        return hash_distance(*(perceptual_hash(decode(data, LIMITS, side)) for side in (0, 336)))

    assert max(map(distance, shots)) <= 10
    # A page of fine print is nearly uniform to PDQ, and its bits are close calls.
    assert max(map(distance, pages)) <= LibrarySettings().hash_distance


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [224, (96, 160)])
def test_preprocessing_is_open_clips_own(
    resize_mode: str, interpolation: str, size: int | tuple[int, int]
) -> None:
    config = {"size": size, "resize_mode": resize_mode, "interpolation": interpolation}
    stock = image_transform_v2(PreprocessCfg(**config), is_train=False)
    ours = Pixels(config)
    for image in [*pictures(3), *(Image.open(io.BytesIO(data)) for data in photos(1, seed=3))]:
        for shown in (image, image.resize((700, 90)), image.transpose(Image.Transpose.ROTATE_90)):
            batch = ours.normalized(stacked([ours(shown)]), torch.device("cpu"), torch.float32)
            # Two steps of 255 where both of Pillow's passes round otherwise; on the whole far less.
            difference = (batch[0] - stock(shown)).abs()
            assert difference.max() <= 2.01 / 255 / min(PreprocessCfg().std)
            assert difference.mean() < 2e-4


def test_a_setting_turns_the_reduced_decode_off(small_folder: Path) -> None:
    assert load(EncoderSettings(model=str(small_folder), decode_side=0)).decode_side == 0
    assert load(EncoderSettings(model=str(small_folder))).decode_side == 640
