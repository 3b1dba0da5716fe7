"""The headline: wrapped, set glyph by glyph, warped, and the ink box of each glyph."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from models.render.fonts import load_font

Points = np.ndarray


@dataclass(frozen=True)
class Glyph:
    """One character of the headline.

    `box` is x0, y0, x1, y1 in pixels of the final image. `word` is the English word, between white
    space, or the CJK bigram that starts here (at the last character: that ends here).
    """

    char: str
    word: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """Characters of one line with their places in the claim's text."""

    chars: str
    start: int


@dataclass(frozen=True)
class Style:
    """How a headline is set. Lengths are in glyph sizes, angles in radians."""

    font: str
    spacing: float
    leading: float
    align: float
    stroke: float
    angle: float
    shear: float
    tilt: tuple[float, float]
    stretch: float = 1.0


@dataclass(frozen=True)
class Setting:
    """A set headline: masks of its fill and its stroke (L, the canvas' size), and its glyphs."""

    fill: Image.Image
    stroke: Image.Image | None
    glyphs: tuple[Glyph, ...]


def word_at(text: str, index: int) -> str:
    """The English word or the CJK bigram at a place of the text."""
    if text.isascii():
        start = text.rfind(" ", 0, index) + 1
        return text[start:].split(" ", 1)[0]
    first = min(index, len(text) - 2)
    return text[first : first + 2]


@lru_cache(maxsize=65536)
def metrics(font: str, pixels: int, char: str) -> tuple[float, tuple[float, float, float, float]]:
    """Advance and ink box of a character, in pixels from the pen at the ascender."""
    face = load_font(font, pixels)
    return face.getlength(char), face.getbbox(char)


def advance(text: str, font: str, pixels: int, spacing: float) -> float:
    return sum(metrics(font, pixels, c)[0] for c in text) + spacing * pixels * max(0, len(text) - 1)


def pieces(text: str) -> list[tuple[str, int]]:
    """What a line may not break: English words, and in Chinese characters and runs of ASCII."""
    pattern = r"\S+" if text.isascii() else r"[!-~]+|\S"
    return [(match.group(), match.start()) for match in re.finditer(pattern, text)]


def wrap(text: str, width: float, font: str, pixels: int, spacing: float) -> list[Line] | None:
    """Greedy lines no wider than `width` pixels; None if one piece is wider."""
    lines: list[Line] = []
    for piece, start in pieces(text):
        if advance(piece, font, pixels, spacing) > width:
            return None
        if lines:
            longer = text[lines[-1].start : start + len(piece)]
            if advance(longer, font, pixels, spacing) <= width:
                lines[-1] = Line(longer, lines[-1].start)
                continue
        lines.append(Line(piece, start))
    return lines


def warp_of(style: Style, centre: tuple[float, float], side: int) -> np.ndarray:
    """Homography [3, 3] that shears, tilts and turns about `centre`."""
    cos, sin = np.cos(style.angle), np.sin(style.angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shear = np.array(
        [
            [style.stretch, style.shear, 0],
            [0, 1, 0],
            [style.tilt[0] / side, style.tilt[1] / side, 1],
        ]
    )
    there = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]])
    back = np.array([[1, 0, centre[0]], [0, 1, centre[1]], [0, 0, 1.0]])
    return back @ turn @ shear @ there


def through(warp: np.ndarray, points: Points) -> Points:
    """Points [N, 2] through a homography."""
    mapped = points @ warp[:, :2].T + warp[:, 2]
    return mapped[:, :2] / mapped[:, 2:]


def place(
    lines: list[Line], style: Style, size: int
) -> tuple[list[tuple[str, int, float, float]], float, float]:
    """Pens (char, place in the text, x, y) in the block, its width and height in pixels."""
    widths = [advance(line.chars, style.font, size, style.spacing) for line in lines]
    pens = []
    for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
        x = (max(widths) - width) * style.align
        for offset, char in enumerate(line.chars):
            pens.append((char, line.start + offset, x, row * style.leading * size))
            x += metrics(style.font, size, char)[0] + style.spacing * size
    return pens, max(widths), ((len(lines) - 1) * style.leading + 1.15) * size


def fit(
    text: str, style: Style, size: int, box: tuple[float, float, float, float]
) -> tuple[list[Line], int]:
    """Lines and the size at which they fit the box (pixels), shrinking from `size` if they must."""
    width, height = box[2] - box[0], box[3] - box[1]
    while True:
        lines = wrap(text, width, style.font, size, style.spacing)
        if lines and ((len(lines) - 1) * style.leading + 1.15) * size <= height:
            return lines, size
        if size <= 6:
            raise ValueError(f"{text!r} does not fit a box of {width:.0f} x {height:.0f} pixels")
        size = min(size - 1, int(size * 0.96))


def boxes_of(pens: list[tuple[str, int, float, float]], style: Style, size: int) -> np.ndarray:
    """Ink corners [N, 4, 2] of the set characters."""
    corners = []
    for char, _, x, y in pens:
        x0, y0, x1, y1 = metrics(style.font, size, char)[1]
        corners.append([(x + x0, y + y0), (x + x1, y + y0), (x + x1, y + y1), (x + x0, y + y1)])
    return np.array(corners, dtype=np.float64)


def set_headline(
    text: str,
    style: Style,
    size: int,
    box: tuple[float, float, float, float],
    side: int,
    drift: tuple[float, float],
) -> Setting:
    """Set `text` in `box` (pixels) of a canvas; `drift` (0..1) says where in the free room."""
    lines, size = fit(text, style, size, box)
    pens, width, height = place(lines, style, size)
    left = box[0] + (box[2] - box[0] - width) * drift[0]
    top = box[1] + (box[3] - box[1] - height) * drift[1]
    pens = [(char, index, round(x + left), round(y + top)) for char, index, x, y in pens]
    corners = boxes_of(pens, style, size)
    warp = warp_of(style, (left + width / 2, top + height / 2), side)
    warped = through(warp, corners.reshape(-1, 2)).reshape(-1, 4, 2)
    warp = inside(warped, side) @ warp
    warped = through(warp, corners.reshape(-1, 2)).reshape(-1, 4, 2)
    stroke = round(style.stroke * size)
    fill_mask, stroke_mask = masks(pens, style, size, side, stroke)
    if not np.allclose(warp, np.eye(3), atol=1e-6):
        fill_mask = bend(fill_mask, warp)
        stroke_mask = bend(stroke_mask, warp) if stroke_mask else None
    low, high = warped.min(1), warped.max(1)
    glyphs = tuple(
        Glyph(char, word_at(text, index), (*low[i].tolist(), *high[i].tolist()))
        for i, (char, index, _, _) in enumerate(pens)
        if char != " "
    )
    return Setting(fill_mask, stroke_mask, glyphs)


def inside(points: Points, side: int) -> np.ndarray:
    """Shrink-and-move [3, 3] that brings points [..., 2] within the canvas, 1 % off its edges."""
    margin = 0.01 * side
    low, high = points.reshape(-1, 2).min(0), points.reshape(-1, 2).max(0)
    scale = min(1.0, float(((side - 2 * margin) / (high - low)).min()))
    middle = (low + high) / 2
    half = (high - low) / 2 * scale
    target = np.clip(middle, margin + half, side - margin - half)
    return np.array(
        [
            [scale, 0, target[0] - scale * middle[0]],
            [0, scale, target[1] - scale * middle[1]],
            [0, 0, 1.0],
        ]
    )


@lru_cache(maxsize=65536)
def glyph_mask(
    font: str, pixels: int, char: str, stroke: int
) -> tuple[Image.Image, tuple[int, int]]:
    """A character's coverage (L) and where its corner lies from the pen at the ascender."""
    face = load_font(font, pixels)
    x0, y0, x1, y1 = (int(v) for v in face.getbbox(char, stroke_width=stroke))
    mask = Image.new("L", (max(1, x1 - x0), max(1, y1 - y0)))
    ImageDraw.Draw(mask).text((-x0, -y0), char, fill=255, font=face, stroke_width=stroke)
    return mask, (x0, y0)


def stamp(
    pens: list[tuple[str, int, float, float]], style: Style, size: int, side: int, stroke: int
) -> Image.Image:
    """All characters on one mask (L), widened by `stroke` pixels."""
    canvas = Image.new("L", (side, side))
    for char, _, x, y in pens:
        mask, (dx, dy) = glyph_mask(style.font, size, char, stroke)
        canvas.paste(255, (round(x) + dx, round(y) + dy), mask)
    return canvas


def masks(
    pens: list[tuple[str, int, float, float]], style: Style, size: int, side: int, stroke: int
) -> tuple[Image.Image, Image.Image | None]:
    """Fill and, where `stroke` pixels are asked for, stroke masks before the warp."""
    fill = stamp(pens, style, size, side, 0)
    return fill, stamp(pens, style, size, side, stroke) if stroke else None


def bend(mask: Image.Image, warp: np.ndarray) -> Image.Image:
    """The mask through a homography, bilinear."""
    inverse = np.linalg.inv(warp)
    inverse /= inverse[2, 2]
    coefficients = inverse.reshape(-1)[:8].tolist()
    transform, resampling = Image.Transform.PERSPECTIVE, Image.Resampling.BILINEAR
    return mask.transform(mask.size, transform, coefficients, resampling)
