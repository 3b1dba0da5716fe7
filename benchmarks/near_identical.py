"""Which distance of two pictures tells a re-encoding from an edit: what `near.py` states.

Pictures of samples/ads and renders of 1,000 pixels, each encoded and scaled anew; against that the
same picture twice but for one character: in a headline drawn by models/render, and in print of 9 to
48 pixels, 8 to 64 levels lighter or darker than its ground.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from PIL.ImageFont import FreeTypeFont

from benchmarks.rows import Row, row
from executors.judge.cache.near import BLUR, LIKE, SAME, distance
from executors.shared.settings import ROOT
from models.render.claims import COMPLIANT, VIOLATING
from models.render.fonts import SEEN_FONTS, load_font, renders
from models.render.render import render

Pair = tuple[Image.Image, Image.Image]
Levels = NDArray[np.int64]

MARGIN = 16
"""Pixels around a print."""

SIZES, CONTRASTS = (9, 12, 16, 24, 48), (8, 16, 32, 64)
EDITS = (
    ("Lose 5kg in 7 days", "Lose 5kg in 9 days"),
    ("Treats 15% of pain", "Treats 16% of pain"),
    ("is not a cure", "is now a cure"),
    ("1.5% effect", "15% effect"),
    ("No risk", "Na risk"),
    ("无效退款", "元效退款"),
    ("不含糖", "不舍糖"),
)
_SIMILAR = "不木无元大太人入天夫未末土士己已日目千干"


def run() -> list[Row]:
    """Least distance of the edits, largest of the re-encodings, as they are and blurred."""
    pictures = _pictures()
    rows: list[Row] = []
    for name, change in REENCODINGS.items():
        raw, blurred = _distances((picture, change(picture)) for picture in pictures)
        rows += [
            row(f"{name}: as it is, median", float(np.median(raw)), "levels"),
            row(f"{name}: blurred, median", float(np.median(blurred)), "levels"),
            row(f"{name}: blurred, largest", float(blurred.max()), "levels"),
            row(f"{name}: taken as like", 100 * float((blurred <= LIKE).mean()), "%"),
        ]
    raw, blurred = _distances(_headlines())
    rows += [
        row("headline edited: pairs", len(raw)),
        row("headline edited: as it is, least", float(raw.min()), "levels", f">= {SAME + 1}"),
        row("headline edited: blurred, least", float(blurred.min()), "levels", f">= {LIKE + 1}"),
    ]
    for contrast in CONTRASTS:
        raw, blurred = _distances(_prints(pictures, contrast))
        name = f"print edited, {contrast} levels:"
        rows += [
            row(f"{name} pairs", len(raw)),
            row(f"{name} as it is, least", float(raw.min()), "levels", f">= {SAME + 1}"),
            row(f"{name} taken as like", 100 * float((blurred <= LIKE).mean()), "%"),
        ]
    return rows


def _distances(pairs: Iterable[Pair]) -> tuple[Levels, Levels]:
    """Distances of pairs, of the second scaled to the first: as they are, and blurred."""
    raw, blurred = [], []
    for one, other in pairs:
        if other.size != one.size:
            other = other.resize(one.size, Image.Resampling.BICUBIC)
        raw.append(_apart(one, other))
        blur = ImageFilter.GaussianBlur(BLUR)
        blurred.append(_apart(one.filter(blur), other.filter(blur)))
    return np.array(raw), np.array(blurred)


def _apart(one: Image.Image, other: Image.Image) -> int:
    return distance(np.asarray(one, np.int16), np.asarray(other, np.int16))


def _pictures() -> list[Image.Image]:
    paths = sorted((ROOT / "samples" / "ads").glob("ad-*"))[:30:2]
    claims = (VIOLATING + COMPLIANT)[::9]
    return [Image.open(path).convert("RGB") for path in paths] + [
        render(claim, np.random.default_rng(n), size=1_000).image for n, claim in enumerate(claims)
    ]


def _encoded(image: Image.Image, kind: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    sides = (round(image.width * factor), round(image.height * factor))
    return image.resize(sides, Image.Resampling.BICUBIC)


REENCODINGS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 95": lambda image: _encoded(image, "JPEG", 95),
    "JPEG 75": lambda image: _encoded(image, "JPEG", 75),
    "WebP 80": lambda image: _encoded(image, "WEBP", 80),
    "1 % larger": lambda image: _scaled(image, 1.01),
    "1 % smaller": lambda image: _scaled(image, 0.99),
    "1 % smaller and JPEG 75": lambda image: _encoded(_scaled(image, 0.99), "JPEG", 75),
}


def _headlines() -> Iterator[Pair]:
    """Renders of one seed; in the second another digit or Chinese character stands in one place."""
    rng = np.random.default_rng(5)
    for seed, claim in enumerate((VIOLATING + COMPLIANT) * 3):
        text = claim.text
        places = [at for at, char in enumerate(text) if char.isdigit() or not char.isascii()]
        if not places:
            continue
        at = places[rng.integers(len(places))]
        digit = str((int(text[at]) + 2) % 10) if text[at].isdigit() else ""
        new = digit or _SIMILAR[rng.integers(len(_SIMILAR))]
        if new == text[at]:
            continue
        edited = replace(claim, text=text[:at] + new + text[at + 1 :])
        for side in (300, 1_000):
            one, other = (
                render(version, np.random.default_rng(seed), size=side).image
                for version in (claim, edited)
            )
            yield one, other


def _prints(pictures: list[Image.Image], contrast: int) -> Iterator[Pair]:
    """Small print on the pictures, `contrast` levels from the ground it stands on."""
    rng = np.random.default_rng(contrast)
    for size, picture, (text, edited) in product(SIZES, pictures, EDITS):
        language = "en" if text.isascii() else "zh"
        faces = [name for name in SEEN_FONTS if renders(name, language)]
        font = load_font(faces[rng.integers(len(faces))], size)
        width = int(max(font.getlength(text), font.getlength(edited))) + 1
        if width >= picture.width:
            continue
        x = int(rng.integers(0, picture.width - width))
        y = int(rng.integers(0, picture.height - size * 2))
        # Beyond the print and the blur's reach the two are the same.
        ground = picture.crop((x - MARGIN, y - MARGIN, x + width + MARGIN, y + 2 * size + MARGIN))
        yield _printed(ground, text, font, contrast), _printed(ground, edited, font, contrast)


def _printed(ground: Image.Image, text: str, font: FreeTypeFont, contrast: int) -> Image.Image:
    pixels = np.asarray(ground, np.float32)
    sign = np.where(pixels > 127, -1, 1)  # away from the end of the range that is near
    mask = Image.new("L", ground.size)
    ImageDraw.Draw(mask).text((MARGIN, MARGIN), text, 255, font=font)
    inked = pixels + sign * contrast * (np.asarray(mask, np.float32) / 255)[..., None]
    return Image.fromarray(inked.clip(0, 255).astype(np.uint8))
