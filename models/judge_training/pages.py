"""Pages of text for the first minutes: many more characters to read per picture than an ad has."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.judge_training.network import SIDE
from models.render.claims import load_claims
from models.render.fonts import SEEN_FONTS, load_font, renders
from models.render.headline import Glyph, metrics, word_at

_TEXTS = {
    language: [claim.text for claim in load_claims() if claim.language == language]
    for language in ("en", "zh")
}


def draw_page(rng: Random) -> tuple[NDArray[np.uint8], tuple[Glyph, ...]]:
    """Return a picture `[SIDE, SIDE, 3] uint8` full of lines from claims, and its glyphs."""
    language = rng.choice(("en", "zh"))
    font = rng.choice([name for name in SEEN_FONTS if renders(name, language)])
    size = round(SIDE * rng.uniform(0.09, 0.16))
    light, dark = rng.randint(170, 255), rng.randint(0, 90)
    page = Image.new("RGB", (SIDE, SIDE), (light, light, light))
    draw = ImageDraw.Draw(page)
    glyphs: list[Glyph] = []
    y = rng.uniform(-0.2, 0.4) * size
    while y < SIDE - size:
        glyphs += _line(draw, rng.uniform(0, 2 * size), y, font, size, language, dark, rng)
        y += size * rng.uniform(1.1, 1.4)
    return np.asarray(page), tuple(glyphs)


def _line(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    font: str,
    size: int,
    language: str,
    ink: int,
    rng: Random,
) -> list[Glyph]:
    face = load_font(font, size)
    spacing = rng.uniform(-0.02, 0.08) * size
    glyphs: list[Glyph] = []
    while x < SIDE:
        text = rng.choice(_TEXTS[language])
        for index, char in enumerate(text):
            advance, (x0, y0, x1, y1) = metrics(font, size, char)
            if x + x1 > SIDE:
                return glyphs
            left, top = round(x), round(y)
            draw.text((left, top), char, fill=(ink, ink, ink), font=face)
            if char != " ":
                box = (left + x0, top + y0, left + x1, top + y1)
                glyphs.append(Glyph(char, word_at(text, index), box))
            x += advance + spacing
        x += size * rng.uniform(0.3, 1.0)
    return glyphs
