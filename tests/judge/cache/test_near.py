"""What counts as the same picture, and as one encoded anew: an edit is neither."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from executors.judge.cache.near import Look
from executors.shared.settings import ROOT
from models.render.claims import VIOLATING
from models.render.render import render

SEEN = 1_003_520
ADS = [ROOT / "samples" / "ads" / f"ad-{number:02d}.jpg" for number in (1, 7, 14, 22)]


def look(image: Image.Image) -> Look:
    return Look.of(image, SEEN)


def encoded(image: Image.Image, kind: str, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in ADS]


REENCODED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 95": lambda image: encoded(image, "JPEG", quality=95),
    "JPEG 75": lambda image: encoded(image, "JPEG", quality=75),
    "larger": lambda image: scaled(image, 1.01),
    "smaller": lambda image: scaled(image, 0.99),
}


@pytest.mark.parametrize("name", REENCODED)
def test_a_re_encoding_is_like_the_picture_and_not_the_same(
    name: str, pictures: list[Image.Image]
) -> None:
    for picture in pictures:
        one, other = look(picture), look(REENCODED[name](picture))
        assert one.may_be_like(other)
        assert one.like(other)
        assert other.like(one)
        assert not one.same(other)


def test_a_lossless_re_encoding_is_the_same(pictures: list[Image.Image]) -> None:
    for picture in pictures:
        for kind in ("PNG", "BMP"):
            other = look(encoded(picture, kind))
            assert look(picture).like(other)
            assert look(picture).same(other)


@pytest.mark.parametrize("side", [300, 1_000])
def test_a_headline_that_differs_in_one_character_is_not_like(side: int) -> None:
    for seed, claim in enumerate(c for c in VIOLATING if any(map(str.isdigit, c.text))):
        at = next(place for place, char in enumerate(claim.text) if char.isdigit())
        digit = str((int(claim.text[at]) + 2) % 10)
        edited = replace(claim, text=claim.text[:at] + digit + claim.text[at + 1 :])
        one, other = (
            render(version, np.random.default_rng(seed), size=side).image
            for version in (claim, edited)
        )
        assert not look(one).like(look(other))


@pytest.mark.parametrize("size", [9, 24])
def test_faint_small_print_that_differs_in_one_character_is_never_the_same(
    size: int, pictures: list[Image.Image]
) -> None:
    for picture in pictures:
        pixels = np.asarray(picture, np.int16)
        twins = []
        for text in ("1.5% in 7 days", "15% in 7 days"):
            mask = Image.new("L", picture.size)
            ImageDraw.Draw(mask).text((20, 20), text, 255, font_size=size)
            ink = np.where(pixels > 127, -8, 8) * (np.asarray(mask)[..., None] / 255)
            twins.append(Image.fromarray((pixels + ink).astype(np.uint8)))
        assert not look(twins[0]).same(look(twins[1]))


def test_another_shape_may_not_be_like(pictures: list[Image.Image]) -> None:
    one = look(pictures[0])
    assert not one.may_be_like(look(scaled(pictures[0], 1.05)))
    assert not one.may_be_like(look(pictures[1]))


def test_a_large_picture_is_held_as_the_judge_sees_it() -> None:
    large = look(Image.linear_gradient("L").resize((3_000, 2_000)).convert("RGB"))
    assert large.seen.width * large.seen.height <= SEEN
    assert large.size == (3_000, 2_000)
