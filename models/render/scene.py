"""Backgrounds, products and the clutter around a headline."""

import numpy as np
from PIL import Image, ImageDraw

from models.render.claims import Claim
from models.render.colours import Colour, luminance, pale, random_colour, readable_on, shade
from models.render.fonts import CJK_FONTS, load_font
from models.render.layouts import Box
from models.render.wording import BADGES, BRANDS, CAPTIONS, CTAS


def pixels(box: Box, side: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(v * side) for v in box)
    return x0, y0, max(x1, x0 + 2), max(y1, y0 + 2)


def background(side: int, rng: np.random.Generator, clutter: float) -> Image.Image:
    """A plain, graded, blotched or striped ground, RGB."""
    first, second = random_colour(rng), random_colour(rng)
    if rng.random() < 0.4:
        first, second = pale(first), pale(second)
    kind = rng.random() if rng.random() < clutter else 1.0
    if kind < 0.4:
        mix = rng.uniform(0.2, 1.0)
        cells = np.array([first, first, second, second], dtype=np.float32).reshape(2, 2, 3)
        cells = cells * mix + cells.mean((0, 1)) * (1 - mix)
        cells = cells.transpose(1, 0, 2) if rng.random() < 0.5 else cells
    elif kind < 0.75:
        grid = int(rng.integers(3, 9))
        spread = rng.uniform(20, 90)
        cells = np.array(first) + rng.normal(0, spread, (grid, grid, 3))
        cells = cells * 0.6 + cells.mean(2, keepdims=True) * 0.4
    else:
        canvas = Image.new("RGB", (side, side), first)
        if kind < 0.85:
            draw, step = ImageDraw.Draw(canvas), side // int(rng.integers(4, 14))
            stripe = shade(first, rng.uniform(0.75, 1.25))
            lean = rng.uniform(-1, 1) * side
            for x in range(-side, 2 * side, 2 * step):
                draw.line((x, 0, x + lean, side), fill=stripe, width=step)
        return canvas
    small = Image.fromarray(cells.clip(0, 255).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def bottle(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], body: Colour, cap: Colour
) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    draw.rectangle(
        (x0 + w * 0.33, y0 + h * 0.1, x0 + w * 0.67, y0 + h * 0.3), fill=shade(body, 0.8)
    )
    draw.rounded_rectangle((x0 + w * 0.15, y0 + h * 0.24, x1 - w * 0.15, y1), w * 0.12, fill=body)
    draw.rectangle((x0 + w * 0.28, y0, x0 + w * 0.72, y0 + h * 0.14), fill=cap)
    draw.rectangle(
        (x0 + w * 0.15, y0 + h * 0.45, x1 - w * 0.15, y0 + h * 0.8), fill=shade(body, 1.3)
    )
    draw.line(
        (x0 + w * 0.24, y0 + h * 0.3, x0 + w * 0.24, y1 - h * 0.06),
        fill=shade(body, 1.5),
        width=max(1, w // 20),
    )


def carton(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], body: Colour, cap: Colour
) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    draw.polygon(
        [(x0, y0 + h * 0.2), (x0 + w * 0.25, y0), (x1, y0), (x1 - w * 0.2, y0 + h * 0.2)],
        fill=shade(body, 1.25),
    )
    draw.polygon(
        [(x1 - w * 0.2, y0 + h * 0.2), (x1, y0), (x1, y1 - h * 0.2), (x1 - w * 0.2, y1)],
        fill=shade(body, 0.65),
    )
    draw.rectangle((x0, y0 + h * 0.2, x1 - w * 0.2, y1), fill=body)
    draw.rectangle((x0, y0 + h * 0.65, x1 - w * 0.2, y0 + h * 0.78), fill=cap)
    draw.ellipse((x0 + w * 0.1, y0 + h * 0.28, x0 + w * 0.35, y0 + h * 0.5), fill=cap)


def jar(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], body: Colour, cap: Colour
) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    draw.rounded_rectangle((x0 + w * 0.05, y0 + h * 0.15, x1 - w * 0.05, y1), w * 0.15, fill=body)
    draw.rounded_rectangle((x0, y0, x1, y0 + h * 0.22), w * 0.05, fill=cap)
    draw.rectangle(
        (x0 + w * 0.05, y0 + h * 0.4, x1 - w * 0.05, y0 + h * 0.85), fill=shade(body, 1.3)
    )


def device(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], body: Colour, cap: Colour
) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    draw.rounded_rectangle((x0, y0 + h * 0.1, x1, y1), w * 0.1, fill=body)
    draw.rectangle((x0 + w * 0.12, y0 + h * 0.2, x1 - w * 0.12, y0 + h * 0.6), fill=(40, 52, 48))
    draw.ellipse((x0 + w * 0.35, y0 + h * 0.68, x0 + w * 0.65, y0 + h * 0.92), fill=cap)
    draw.arc(
        (x0 - w * 0.2, y0 + h * 0.5, x0 + w * 0.3, y1 + h * 0.2),
        90,
        300,
        fill=cap,
        width=max(1, w // 16),
    )


def pills(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], body: Colour, cap: Colour
) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    draw.rounded_rectangle((x0, y0, x1, y1), w * 0.08, fill=shade(body, 0.85))
    for row in range(4):
        for column in range(3):
            x, y = x0 + w * (0.1 + 0.3 * column), y0 + h * (0.07 + 0.23 * row)
            draw.ellipse((x, y, x + w * 0.2, y + h * 0.16), fill=cap)


SHAPES = {
    "drug": (bottle, carton, pills),
    "food": (bottle, jar, carton),
    "device": (device, carton),
}


def product(canvas: Image.Image, claim: Claim, box: Box, rng: np.random.Generator) -> None:
    """Draw the product inside `box`, jittered and shrunk a little."""
    x0, y0, x1, y1 = box
    dx, dy = rng.normal(0, 0.05, 2)
    scale = rng.uniform(0.7, 1.05)
    width, height = (x1 - x0) * scale, (y1 - y0) * scale
    placed = pixels((x0 + dx, y0 + dy, x0 + dx + width, y0 + dy + height), canvas.width)
    shapes = SHAPES[claim.product]
    shape = shapes[rng.integers(len(shapes))]
    draw = ImageDraw.Draw(canvas)
    foot = (
        placed[0],
        placed[3] - (placed[3] - placed[1]) // 12,
        placed[2],
        placed[3] + (placed[3] - placed[1]) // 16,
    )
    draw.ellipse(foot, fill=shade(random_colour(rng), 0.4))
    shape(draw, placed, random_colour(rng), random_colour(rng))


def overlap(first: Box, second: Box) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def free_spot(
    width: float, height: float, taken: list[Box], rng: np.random.Generator
) -> Box | None:
    """A box of that size, in fractions of the side, clear of `taken`; None where none was found."""
    for _ in range(5):
        x, y = rng.uniform(0, max(0.01, 1 - width)), rng.uniform(0, max(0.01, 1 - height))
        box = (x, y, x + width, y + height)
        if not any(overlap(box, other) for other in taken):
            return box
    return None


def pick(items: tuple[str, ...], rng: np.random.Generator) -> str:
    return items[rng.integers(len(items))]


def small_text(
    canvas: Image.Image, text: str, box: Box, ink: Colour, rng: np.random.Generator
) -> None:
    """`text` from the top left of `box`, as high as the box, in a face that has it."""
    side = canvas.width
    size = max(5, int((box[3] - box[1]) * side * 0.8))
    font = load_font(CJK_FONTS[int(rng.integers(4))], size)
    ImageDraw.Draw(canvas).text((box[0] * side, box[1] * side), text, fill=ink, font=font)


def ground_at(canvas: Image.Image, box: Box) -> float:
    """Luma of the canvas around the middle of `box`."""
    x = min(canvas.width - 1, max(0, int((box[0] + box[2]) / 2 * canvas.width)))
    y = min(canvas.width - 1, max(0, int((box[1] + box[3]) / 2 * canvas.width)))
    return luminance(canvas.getpixel((x, y)))


def badge(canvas: Image.Image, taken: list[Box], rng: np.random.Generator) -> None:
    """A price or offer in a disc, a star or a tag."""
    size = rng.uniform(0.11, 0.2)
    box = free_spot(size, size, taken, rng)
    if box is None:
        return
    taken.append(box)
    draw, fill, frame = ImageDraw.Draw(canvas), random_colour(rng), pixels(box, canvas.width)
    kind = rng.random()
    if kind < 0.5:
        draw.ellipse(frame, fill=fill)
    elif kind < 0.75:
        centre = ((frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2)
        radius = (frame[2] - frame[0]) / 2
        angles = np.arange(20) * np.pi / 10
        radii = np.where(np.arange(20) % 2, radius * 0.78, radius)
        points = np.stack(
            [centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], 1
        )
        draw.polygon([tuple(p) for p in points.tolist()], fill=fill)
    else:
        draw.rounded_rectangle(frame, size * canvas.width * 0.15, fill=fill)
    text = pick(BADGES, rng)
    height = min(0.075, size * 1.3 / (len(text) + 1) * (1.0 if text.isascii() else 0.75))
    middle = (box[1] + box[3]) / 2
    inner = (box[0] + size * 0.14, middle - height / 2, box[2], middle + height / 2)
    small_text(canvas, text, inner, readable_on(luminance(fill), rng), rng)


def caption(canvas: Image.Image, taken: list[Box], rng: np.random.Generator) -> None:
    """One line of small print."""
    height = rng.uniform(0.032, 0.055)
    text = pick(CAPTIONS, rng)
    width = min(0.95, height * 0.8 * sum(0.55 if c.isascii() else 1.0 for c in text))
    box = free_spot(width, height, taken, rng)
    if box is not None:
        taken.append(box)
        small_text(canvas, text, box, readable_on(ground_at(canvas, box), rng, 60), rng)


def button(canvas: Image.Image, taken: list[Box], rng: np.random.Generator) -> None:
    """A call to action, or the brand, on a rounded bar."""
    height = rng.uniform(0.06, 0.09)
    text = pick(CTAS if rng.random() < 0.6 else BRANDS, rng)
    width = height * 0.7 * sum(0.6 if c.isascii() else 1.05 for c in text) + 0.05
    box = free_spot(width, height, taken, rng)
    if box is None:
        return
    taken.append(box)
    fill = random_colour(rng)
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle(pixels(box, canvas.width), height * canvas.width * 0.4, fill=fill)
    inner = (box[0] + 0.025, box[1] + height * 0.1, box[2], box[1] + height * 0.92)
    small_text(canvas, text, inner, readable_on(luminance(fill), rng), rng)


def ribbon(canvas: Image.Image, rng: np.random.Generator) -> None:
    """A slanted strip across a corner."""
    side = canvas.width
    reach, width = rng.uniform(0.12, 0.34) * side, rng.uniform(0.05, 0.12) * side
    corners = {0: (0, 0, 1, 1), 1: (side, 0, -1, 1), 2: (0, side, 1, -1), 3: (side, side, -1, -1)}
    x, y, sx, sy = corners[int(rng.integers(4))]
    points = [
        (x + sx * reach, y),
        (x + sx * (reach + width), y),
        (x, y + sy * (reach + width)),
        (x, y + sy * reach),
    ]
    ImageDraw.Draw(canvas).polygon(points, fill=random_colour(rng))


def blobs(canvas: Image.Image, rng: np.random.Generator) -> None:
    """Leaves, drops, rings and rays: shapes without letters."""
    draw, side = ImageDraw.Draw(canvas), canvas.width
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(-0.1, 1.0, 2) * side
        w, h = rng.uniform(0.05, 0.4, 2) * side
        kind = rng.random()
        if kind < 0.4:
            draw.ellipse((x, y, x + w, y + h), fill=random_colour(rng))
        elif kind < 0.65:
            draw.ellipse((x, y, x + w, y + h), outline=random_colour(rng), width=max(1, side // 60))
        elif kind < 0.85:
            draw.line((x, y, x + w, y + h), fill=random_colour(rng), width=max(1, side // 50))
        else:
            draw.polygon([(x, y), (x + w, y + h / 3), (x + w / 3, y + h)], fill=random_colour(rng))


def decorate(
    canvas: Image.Image, taken: list[Box], rng: np.random.Generator, clutter: float
) -> None:
    """Badges, captions and a button, none over a box of `taken`."""
    for maker, most in ((badge, 2), (caption, 4), (button, 1)):
        for _ in range(int(rng.integers(0, most + 1))):
            if rng.random() < clutter:
                maker(canvas, taken, rng)
