"""What is done to an ad so that it no longer looks like the one that was refused."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from models.render.degrade import jpeg
from models.render.fonts import HELD_OUT_FONTS, load_font, renders

Disturbance = Callable[[Image.Image, np.random.Generator], Image.Image]

OVERLAYS = (
    "SALE 50% OFF",
    "@daily_deals",
    "shop.example.org",
    "Weekend only",
    "FREE SHIPPING",
    "双十一大促",
    "点我领券",
    "关注店铺",
)
"""Words of a text overlay; training has others."""


def half_size(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """To half of its size and back."""
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def jpeg_40(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Saved as a JPEG of quality 40."""
    return jpeg(image, 40)


def crop_10(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A tenth of the width and of the height cut away, split at random between the sides."""
    width, height = image.width * 9 // 10, image.height * 9 // 10
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def border(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A frame of one colour around it, 6 % of its width."""
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    return ImageOps.expand(image, round(image.width * 0.06), colour)


def text_overlay(
    image: Image.Image,
    rng: np.random.Generator,
    words: Sequence[str] = OVERLAYS,
    fonts: Sequence[str] = HELD_OUT_FONTS,
) -> Image.Image:
    """A line of other text over it, 6 to 9 % of its height, somewhere, on the claim or not."""
    text = words[rng.integers(len(words))]
    language = "en" if text.isascii() else "zh"
    able = [name for name in fonts if renders(name, language)]
    font = load_font(able[rng.integers(len(able))], round(image.height * rng.uniform(0.06, 0.09)))
    spare = max(1, image.width - round(font.getlength(text)))
    place = (int(rng.integers(spare)), int(rng.integers(round(image.height * 0.9))))
    colour = (*(int(v) for v in rng.integers(0, 256, 3)), int(rng.integers(200, 256)))
    over = image.copy()
    ImageDraw.Draw(over, "RGBA").text(place, text, font=font, fill=colour)
    return over


DISTURBANCES: dict[str, Disturbance] = {
    "half size": half_size,
    "JPEG quality 40": jpeg_40,
    "10 % crop": crop_10,
    "border": border,
    "text overlay": text_overlay,
}
