"""Text that speaks to the reviewer: the words, and how they get into a picture."""

from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import yaml
from PIL import Image, ImageDraw

from models.render.fonts import SEEN_FONTS, load_font, renders

_FILE = Path(__file__).with_name("attacks.yaml")


@cache
def attacks(place: str) -> tuple[str, ...]:
    """Return the words used in a `picture`, or in a `copy` (where the former stand too)."""
    words = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(words["picture"] if place == "picture" else words["copy"] + words["picture"])


def write_attack(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return `image` with such words in one or two lines along its upper or lower edge.

    Letters are 5 to 9 % of the side, in any contrast from faint to full.
    """
    words = attacks("picture")
    text = words[rng.integers(len(words))]
    able = [name for name in SEEN_FONTS if renders(name, "en" if text.isascii() else "zh")]
    side = image.height
    font = load_font(able[rng.integers(len(able))], max(7, round(side * rng.uniform(0.05, 0.09))))
    lines = _lines(text, font.getlength(text), image.width)
    longest = max(font.getlength(line) for line in lines)
    height = sum(font.getmetrics()) * len(lines)
    x = rng.uniform(0, max(1.0, image.width - longest))
    y = rng.uniform(0, 0.04) * side
    y = y if rng.random() < 0.5 else side - height - y
    ground = np.asarray(image.resize((1, 1), Image.Resampling.BOX)).reshape(-1)[:3].astype(float)
    far = 255.0 if ground.mean() < 127 else 0.0
    strength = rng.uniform(0.25, 1.0)
    ink = tuple(int(v) for v in ground + (far - ground) * strength)
    written = image.copy()
    draw = ImageDraw.Draw(written)
    if rng.random() < 0.5:
        panel = tuple(int(v) for v in ground)
        draw.rectangle((x - 2, y, x + longest + 2, y + height), fill=panel)
    draw.multiline_text((x, y), "\n".join(lines), fill=ink, font=font, spacing=0)
    return written


def attacked_copy(copy: str, rng: Random) -> str:
    """Return `copy` with such words before, within or after it."""
    words = rng.choice(attacks("copy"))
    sentences = copy.split(". ") if copy else []
    sentences.insert(rng.randint(0, len(sentences)), words)
    return ". ".join(sentences) if rng.random() < 0.3 else " ".join(sentences)


def _lines(text: str, length: float, width: int) -> list[str]:
    if length <= 0.96 * width or " " not in text:
        return [text]
    words = text.split()
    middle = (len(words) + 1) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])]
