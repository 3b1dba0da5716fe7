"""How words get into a rendered ad: large, small, faint, in a corner, aslant, as badge or stamp.

They are drawn where the headline is not: an ad whose claim is covered breaks no rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from models.render.colours import luminance, random_colour, readable_on
from models.render.fonts import HELD_OUT_FONTS, load_font, renders
from models.render.render import Rendered

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
Way = Callable[[Rendered, str, np.random.Generator], Image.Image]

_GREEN, _RED, _WHITE = (28, 140, 72), (186, 26, 32), (255, 255, 255)
_ROOM = 0.98
"""Of the picture's width, for one line."""


def large(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """A band of plain colour with letters of 8 % of the side, in two lines if it must."""
    return _edge(ad, text, 0.08, rng, band=True)


def small(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """Small print of 3 % of the side."""
    return _edge(ad, text, 0.03, rng)


def faint(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """Letters of 6 %, a tenth away from their ground."""
    return _edge(ad, text, 0.06, rng, contrast=26)


def corner(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """Letters of 4.5 % in the corner that is farthest from the headline."""
    label = _label(text, 0.045 * ad.image.width, ad.image.width * 0.6)
    return _put(ad, _inked(label, _ink_for(ad, rng)), rng, corners=True)


def aslant(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """Letters of 5 %, turned by 8 to 30 degrees, or upright along a side."""
    label = _label(text, 0.05 * ad.image.width, ad.image.width * 0.8)
    inked = _inked(label, _ink_for(ad, rng))
    angle = 90.0 if rng.random() < 0.3 else rng.uniform(8, 30) * rng.choice([-1, 1])
    return _put(ad, inked.rotate(angle, Image.Resampling.BICUBIC, expand=True), rng)


def badge(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """A button as of the review's own page: white on green, with a tick."""
    label = _label(text, 0.045 * ad.image.width, ad.image.width * 0.7)
    high = label.height
    plate = Image.new("RGBA", (label.width + 2 * high, round(high * 1.5)))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, plate.width - 1, plate.height - 1), high * 0.4, fill=_GREEN)
    tick = [(0.35, 0.75), (0.6, 1.0), (1.05, 0.4)]
    draw.line([(x * high, y * high) for x, y in tick], fill=_WHITE, width=max(2, high // 8))
    plate.paste(_WHITE, (round(high * 1.4), high // 4), label)
    return _put(ad, plate, rng)


def stamp(ad: Rendered, text: str, rng: np.random.Generator) -> Image.Image:
    """A red rubber stamp in a double frame, a little askew."""
    label = _label(text, 0.055 * ad.image.width, ad.image.width * 0.7)
    high = label.height
    plate = Image.new("RGBA", (label.width + high, round(high * 1.8)))
    draw = ImageDraw.Draw(plate)
    for inset in (1, 1 + high // 6):
        frame = (inset, inset, plate.width - 1 - inset, plate.height - 1 - inset)
        draw.rectangle(frame, outline=_RED, width=max(1, high // 16))
    plate.paste(_RED, (high // 2, round(high * 0.4)), label)
    turned = plate.rotate(rng.uniform(-14, 14), Image.Resampling.BICUBIC, expand=True)
    return _put(ad, turned, rng)


WAYS: dict[str, Way] = {
    "large": large,
    "small": small,
    "low contrast": faint,
    "corner": corner,
    "aslant": aslant,
    "badge": badge,
    "stamp": stamp,
}


def _edge(
    ad: Rendered,
    text: str,
    height: float,
    rng: np.random.Generator,
    *,
    band: bool = False,
    contrast: float = 110.0,
) -> Image.Image:
    """Along the upper or the lower edge, whichever is farther from the headline."""
    label = _label(text, height * ad.image.width, ad.image.width * _ROOM)
    if not band:
        return _put(ad, _inked(label, _ink_for(ad, rng, contrast)), rng, edges=True)
    colour = random_colour(rng)
    plate = Image.new("RGBA", (ad.image.width, label.height + 4), (*colour, 255))
    plate.paste(readable_on(luminance(colour), rng), ((plate.width - label.width) // 2, 2), label)
    return _put(ad, plate, rng, edges=True)


def _label(text: str, pixels: float, width: float) -> Image.Image:
    """The words as a mask, in a face that training never had: one line, two, or smaller."""
    name = next(n for n in HELD_OUT_FONTS if renders(n, "en" if text.isascii() else "zh"))
    size = max(8, round(pixels))
    while True:
        font = load_font(name, size)
        lines = [text] if font.getlength(text) <= width else _halves(text)
        longest = max(font.getlength(line) for line in lines)
        if longest <= width or size <= 8:
            break
        size -= 1
    ascent, descent = font.getmetrics()
    mask = Image.new("L", (round(longest) + 2, (ascent + descent) * len(lines)))
    ImageDraw.Draw(mask).multiline_text((0, 0), "\n".join(lines), fill=255, font=font, spacing=0)
    return mask


def _halves(text: str) -> list[str]:
    words = text.split()
    if len(words) == 1:
        middle = (len(text) + 1) // 2
        return [text[:middle], text[middle:]]
    middle = (len(words) + 1) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])]


def _inked(mask: Image.Image, ink: Colour) -> Image.Image:
    plate = Image.new("RGBA", mask.size, (*ink, 0))
    plate.putalpha(mask)
    return plate


def _ink_for(ad: Rendered, rng: np.random.Generator, contrast: float = 110.0) -> Colour:
    """A grey that far from the picture's mean, or any colour that can be read on it."""
    mean = np.asarray(ad.image.resize((1, 1), Image.Resampling.BOX)).reshape(-1)[:3].astype(float)
    ground = luminance(tuple(mean))
    if contrast >= 100:
        return readable_on(ground, rng, contrast)
    shift = -contrast if ground > 127 else contrast
    red, green, blue = (int(np.clip(value + shift, 0, 255)) for value in mean)
    return red, green, blue


def _put(
    ad: Rendered,
    plate: Image.Image,
    rng: np.random.Generator,
    *,
    edges: bool = False,
    corners: bool = False,
) -> Image.Image:
    """Paste the plate where it covers least of the headline."""
    across, down = max(0, ad.image.width - plate.width), max(0, ad.image.height - plate.height)
    if corners:
        places = [(x, y) for x in (0, across) for y in (0, down)]
    elif edges:
        places = [(across // 2, 0), (across // 2, down)]
    else:
        places = [(int(rng.integers(across + 1)), int(rng.integers(down + 1))) for _ in range(40)]
    left, top = min(places, key=lambda place: _covered(ad, place, plate.size))
    written = ad.image.copy()
    written.paste(plate, (left, top), plate)
    return written


def _covered(ad: Rendered, place: tuple[int, int], size: tuple[int, int]) -> float:
    x, y = place
    width, height = size
    return sum(
        max(0.0, min(x + width, x1) - max(x, x0)) * max(0.0, min(y + height, y1) - max(y, y0))
        for x0, y0, x1, y1 in (glyph.box for glyph in ad.glyphs)
    )
