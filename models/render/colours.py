"""Random colours, and a text colour that can be read on its ground."""

import colorsys

import numpy as np

Colour = tuple[int, int, int]


def random_colour(rng: np.random.Generator) -> Colour:
    """Any hue, often pale or dark."""
    saturation = rng.uniform(0.0, 1.0) ** 0.7
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 1.0))
    return int(red * 255), int(green * 255), int(blue * 255)


def luminance(colour: tuple[float, ...]) -> float:
    """Rec. 601 luma, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def readable_on(ground: float, rng: np.random.Generator, contrast: float = 95.0) -> Colour:
    """A colour whose luma differs from `ground` by at least `contrast`."""
    for _ in range(8):
        colour = random_colour(rng)
        if abs(luminance(colour) - ground) >= contrast:
            return colour
    return (16, 16, 20) if ground > 127 else (250, 250, 245)


def shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (int(min(255, max(0, c * factor))) for c in colour)
    return red, green, blue


def pale(colour: Colour) -> Colour:
    """The colour mixed with three parts of white."""
    red, green, blue = (191 + c // 4 for c in colour)
    return red, green, blue
