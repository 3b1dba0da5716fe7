"""One product ad: background, product, clutter, and the claim as its headline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageStat

from models.render import scene
from models.render.claims import Claim
from models.render.colours import luminance, random_colour, readable_on
from models.render.degrade import degrade, resize
from models.render.fonts import SEEN_FONTS, renders
from models.render.headline import Glyph, Setting, Style, set_headline
from models.render.layouts import HELD_OUT_LAYOUTS, LAYOUTS, SEEN_LAYOUTS, Layout

__all__ = ["HELD_OUT_LAYOUTS", "SEEN_LAYOUTS", "Glyph", "Rendered", "render"]


@dataclass(frozen=True)
class Rendered:
    """A rendered ad: RGB `size` x `size`, and the headline's glyphs in its pixels."""

    image: Image.Image
    claim: Claim
    glyphs: tuple[Glyph, ...]
    font: str
    layout: str


def style_of(font: str, align: float, rng: np.random.Generator, clutter: float) -> Style:
    """A random way to set the headline; straight and unadorned at `clutter` 0."""
    turned = rng.random() < 0.7
    outlined = rng.random() < 0.4 * clutter
    stretched = rng.random() < 0.5
    return Style(
        font=font,
        spacing=rng.uniform(-0.02, 0.1) * clutter,
        leading=rng.uniform(1.02, 1.35),
        align=align,
        stroke=rng.uniform(0.02, 0.1) if outlined else 0.0,
        angle=np.radians(rng.uniform(-8, 8)) * clutter * turned,
        shear=rng.uniform(-0.2, 0.2) * clutter * turned,
        tilt=tuple(rng.uniform(-0.16, 0.16, 2) * clutter * turned),
        stretch=float(np.exp(rng.uniform(-0.2, 0.15) * clutter * stretched)),
    )


def frame_of(glyphs: tuple[Glyph, ...], pad: float, side: int) -> tuple[float, float, float, float]:
    """The box around all glyphs, padded by `pad` pixels, within the canvas."""
    boxes = np.array([glyph.box for glyph in glyphs])
    low, high = boxes[:, :2].min(0) - pad, boxes[:, 2:].max(0) + pad
    x0, y0 = np.maximum(low, 0).tolist()
    x1, y1 = np.minimum(high, side).tolist()
    return x0, y0, x1, y1


def lay_ground(
    canvas: Image.Image,
    kind: str,
    frame: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """What lies between the scene and the headline."""
    draw, side, colour = ImageDraw.Draw(canvas), canvas.width, random_colour(rng)
    x0, y0, x1, y1 = frame
    if kind == "band":
        draw.rectangle((0, y0, side, y1), fill=colour)
    elif kind == "label":
        draw.rounded_rectangle(frame, 0.03 * side, fill=scene.shade(colour, 1.4))
    elif kind == "bubble":
        draw.rounded_rectangle(frame, 0.12 * side, fill=colour)
        tip = (rng.uniform(x0, x1), y1 + 0.12 * side if y0 + y1 < side else y0 - 0.12 * side)
        edge = y1 if y0 + y1 < side else y0
        middle = (x0 + x1) / 2
        draw.polygon([(middle - 0.06 * side, edge), (middle + 0.06 * side, edge), tip], fill=colour)
    elif kind == "half":
        left = x0 + x1 < side
        draw.rectangle((0, 0, x1, side) if left else (x0, 0, side, side), fill=colour)
    elif kind == "panel":
        veil = Image.new("RGB", canvas.size, colour)
        mask = Image.new("L", canvas.size)
        ImageDraw.Draw(mask).rectangle(frame, fill=int(rng.integers(140, 256)))
        canvas.paste(veil, mask=mask)


def ink_headline(
    canvas: Image.Image, setting: Setting, stroke: float, rng: np.random.Generator, clutter: float
) -> None:
    """Colour the headline so that it can be read where it stands; a thin stroke emboldens it."""
    side = canvas.width
    frame = tuple(int(v) for v in frame_of(setting.glyphs, 1, side))
    stat = ImageStat.Stat(canvas.crop(frame).resize((16, 16), Image.Resampling.BOX))
    ground, unrest = luminance(tuple(stat.mean)), luminance(tuple(stat.stddev))
    ink = readable_on(ground, rng, min(150.0, 90.0 + unrest))
    if setting.stroke is not None:
        bold = stroke < 0.045
        canvas.paste(ink if bold else readable_on(luminance(ink), rng, 90), mask=setting.stroke)
    elif unrest > 40 or rng.random() < 0.25 * clutter:
        offset = max(1, round(side * rng.uniform(0.004, 0.014)))
        shadow = ImageChops.offset(setting.fill, offset, offset)
        canvas.paste((0, 0, 0) if luminance(ink) > 127 else (255, 255, 255), mask=shadow)
    canvas.paste(ink, mask=setting.fill)


def fractions(frame: tuple[float, float, float, float], side: int) -> scene.Box:
    x0, y0, x1, y1 = (v / side for v in frame)
    return x0, y0, x1, y1


def compose(
    claim: Claim, font: str, layout: Layout, side: int, rng: np.random.Generator, clutter: float
) -> tuple[Image.Image, tuple[Glyph, ...]]:
    """The ad at `side` pixels, before it is degraded."""
    canvas = scene.background(side, rng, clutter)
    if rng.random() < clutter:
        if rng.random() < 0.5:
            scene.blobs(canvas, rng)
        scene.product(canvas, claim, layout.product, rng)
        if rng.random() < 0.3:
            scene.ribbon(canvas, rng)
    style = style_of(font, layout.align, rng, clutter)
    size = round(side * rng.uniform(0.10, 0.16))
    drift = (layout.align if rng.random() < 0.5 else rng.random(), rng.random())
    box = tuple(v * side for v in layout.text)
    setting = set_headline(claim.text, style, size, box, side, drift)
    frame = frame_of(setting.glyphs, side * rng.uniform(0.015, 0.05), side)
    if clutter and layout.ground:
        lay_ground(canvas, layout.ground, frame, rng)
    scene.decorate(canvas, [fractions(frame, side)], rng, clutter)
    ink_headline(canvas, setting, style.stroke, rng, clutter)
    return canvas, setting.glyphs


def render(
    claim: Claim,
    rng: np.random.Generator,
    size: int = 128,
    *,
    fonts: Sequence[str] = SEEN_FONTS,
    layouts: Sequence[str] = SEEN_LAYOUTS,
    clutter: float = 1.0,
) -> Rendered:
    """Render `claim` as an ad of `size` x `size` pixels.

    `fonts` and `layouts` are drawn from at random, faces without the claim's script left out.
    `clutter` 0 is a straight headline on a plain ground, 1 a full ad. Some are drawn at twice the
    size and reduced. Raises ValueError when no face of `fonts` can set the claim.
    """
    able = [name for name in fonts if renders(name, claim.language)]
    if not able:
        raise ValueError(f"no face of {list(fonts)} sets {claim.language!r}")
    font = able[rng.integers(len(able))]
    name = layouts[rng.integers(len(layouts))]
    side = size * 2 if rng.random() < 0.3 else size
    canvas, glyphs = compose(claim, font, LAYOUTS[name](rng), side, rng, clutter)
    if side != size:
        canvas = resize(canvas, size, rng)
        scale = size / side
        glyphs = tuple(replace(g, box=tuple(v * scale for v in g.box)) for g in glyphs)
    return Rendered(degrade(canvas, rng, clutter), claim, glyphs, font, name)
