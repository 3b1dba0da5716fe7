"""PDQ: copies of a picture are near, other pictures far, and what says nothing has no hash."""

from __future__ import annotations

import io

import numpy as np
import pdqhash
import pytest
from PIL import Image, ImageDraw

from executors.shared.perceptual_hash import HASH_BITS, hash_distance, perceptual_hash

DISTANCE = 31
"""PDQ's own: what is as near is the same picture."""
ZEROS = "0" * 64


def product(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """An advertisement of sorts: a ground with a gradient, boxes and words."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (4, 4, 3), np.uint8)
    image = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = rng.uniform(0, 0.8, 2) * size
        width, height = rng.uniform(0.05, 0.4, 2) * size
        colour = tuple(int(value) for value in rng.integers(0, 255, 3))
        draw.rectangle((x, y, x + width, y + height), fill=colour)
        draw.text((x, y), "cures in 7 days", fill=colour[::-1], font_size=size[1] / 14)
    return image


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def apart(one: Image.Image, other: Image.Image) -> int:
    return hash_distance(perceptual_hash(one), perceptual_hash(other))


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_is_near(seed: int) -> None:
    image = product(seed)
    assert apart(image, jpeg(image, 40)) <= 10
    for size in [(1280, 960), (400, 300), (300, 300), (160, 120), (1000, 200)]:
        assert apart(image, image.resize(size)) <= 16, size
    assert apart(image, jpeg(image.resize((200, 150)), 40)) <= 16
    assert apart(image, cropped(image, 0.01)) <= DISTANCE
    assert apart(image, image.convert("L").convert("RGB")) <= 4


def test_other_pictures_are_far() -> None:
    hashes = [perceptual_hash(product(seed)) for seed in range(30)]
    assert len(set(hashes)) == len(hashes)
    distances = [hash_distance(a, b) for at, a in enumerate(hashes) for b in hashes[:at]]
    assert min(distances) > 2 * DISTANCE


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (64, 64), (2000, 3)])
def test_any_size_of_a_uniform_picture_has_no_hash(size: tuple[int, int]) -> None:
    for colour in ("white", "black", "teal"):
        assert perceptual_hash(Image.new("RGB", size, colour)) == ""


def test_nearly_uniform_pictures_have_no_hash() -> None:
    dot = Image.new("RGB", (300, 300), "white")
    dot.paste("black", (140, 140, 160, 160))
    assert perceptual_hash(dot) == ""
    assert perceptual_hash(Image.linear_gradient("L").convert("RGB")) == ""


def test_it_is_the_hash_that_others_exchange() -> None:
    """Against the reference on the picture at the size that PDQ's authors advise."""
    for seed in range(5):
        image = product(seed, (512, 512))
        bits, quality = pdqhash.compute(np.array(image))
        reference = f"{int(''.join(map(str, bits)), 2):064x}"
        assert quality == 100
        assert hash_distance(perceptual_hash(image), reference) <= 16


def test_the_distance_counts_bits() -> None:
    assert hash_distance(ZEROS, ZEROS) == 0
    assert hash_distance(ZEROS, "f" * 64) == HASH_BITS
    assert hash_distance(ZEROS, f"{0b111:064x}") == 3


@pytest.mark.parametrize(
    "other", ["", "00", "0" * 63, "0" * 65, "z" * 64, "0x" + "0" * 62, "+" + "0" * 63, "0_0" * 21]
)
def test_what_is_no_hash_matches_nothing_not_even_itself(other: str) -> None:
    assert hash_distance(ZEROS, other) == HASH_BITS
    assert hash_distance(other, ZEROS) == HASH_BITS
    assert hash_distance(other, other) == HASH_BITS
