"""Where the headline and the product stand: all lengths are fractions of the side."""

from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layout:
    """The headline's box and alignment, the product's box, and what lies behind the headline.

    `ground` is one of "" (nothing), "panel", "band", "label", "bubble", "half".
    """

    text: Box
    align: float
    product: Box
    ground: str = ""


def top(rng: np.random.Generator) -> Layout:
    return Layout((0.03, 0.03, 0.97, 0.56), rng.choice([0.0, 0.5, 0.5]), (0.2, 0.5, 0.8, 1.0))


def bottom(rng: np.random.Generator) -> Layout:
    return Layout((0.03, 0.46, 0.97, 0.97), rng.choice([0.0, 0.5, 0.5]), (0.2, 0.0, 0.8, 0.52))


def left(rng: np.random.Generator) -> Layout:
    return Layout((0.03, 0.08, 0.7, 0.92), 0.0, (0.62, 0.2, 1.05, 0.95), rng.choice(["", "panel"]))


def right(rng: np.random.Generator) -> Layout:
    align = rng.choice([0.0, 1.0])
    return Layout(
        (0.3, 0.08, 0.97, 0.92), align, (-0.05, 0.2, 0.38, 0.95), rng.choice(["", "panel"])
    )


def center(rng: np.random.Generator) -> Layout:
    return Layout(
        (0.05, 0.15, 0.95, 0.85), 0.5, (0.15, 0.05, 0.85, 0.98), rng.choice(["", "panel"])
    )


def band(rng: np.random.Generator) -> Layout:
    middle = rng.uniform(0.3, 0.7)
    product = (0.25, 0.05, 0.75, 0.98)
    return Layout((0.03, middle - 0.3, 0.97, middle + 0.3), 0.5, product, "band")


def label(_: np.random.Generator) -> Layout:
    return Layout((0.1, 0.28, 0.9, 0.92), 0.5, (0.05, 0.0, 0.95, 1.0), "label")


def bubble(rng: np.random.Generator) -> Layout:
    high = rng.random() < 0.5
    text = (0.08, 0.06, 0.92, 0.6) if high else (0.08, 0.4, 0.92, 0.94)
    product = (0.1, 0.55, 0.6, 1.0) if high else (0.4, 0.0, 0.9, 0.45)
    return Layout(text, 0.5, product, "bubble")


def corner(rng: np.random.Generator) -> Layout:
    x, y = rng.uniform(0.0, 0.22, 2)
    align = rng.choice([0.0, 0.5, 1.0])
    return Layout((x, y, x + 0.76, y + 0.76), align, (0.3 - x, 0.3 - y, 0.95, 0.95))


def split(rng: np.random.Generator) -> Layout:
    if rng.random() < 0.5:
        return Layout((0.02, 0.04, 0.64, 0.96), 0.5, (0.66, 0.1, 1.0, 0.95), "half")
    return Layout((0.36, 0.04, 0.98, 0.96), 0.5, (0.0, 0.1, 0.34, 0.95), "half")


LAYOUTS = {
    maker.__name__: maker
    for maker in (top, bottom, left, right, center, band, label, bubble, corner, split)
}
HELD_OUT_LAYOUTS = ("split",)
SEEN_LAYOUTS = tuple(name for name in LAYOUTS if name not in HELD_OUT_LAYOUTS)
