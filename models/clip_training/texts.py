"""Copy around a claim: what comes before and after it in an ad."""

import numpy as np
import open_clip
from torch import Tensor

from models.clip_training.network import CONTEXT
from models.clip_training.wrappers import wrappers
from models.render.claims import CATEGORIES, Claim
from models.render.wording import BADGES, BRANDS, CAPTIONS, CTAS

TRAINING = wrappers("training")
CATEGORY_CAPTIONS = (
    *(f"an ad with a {name} claim" for name in CATEGORIES),
    "a compliant ad",
)

_tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT)


def tokenize(texts: list[str]) -> Tensor:
    """Texts to ids [N, 64]."""
    return _tokenize(texts)


def noise_text(rng: np.random.Generator, most: int) -> str:
    """Up to `most` random words, or common Chinese characters, as text: what no wrapper has.

    The vocabulary stands in the order of frequency; ranks are log-uniform, so that everyday words
    come as often as rare ones.
    """
    count = int(rng.integers(1, most + 1))
    if rng.random() < 0.25:
        rows, cells = rng.integers(0xB0, 0xD8, count), rng.integers(0xA1, 0xFA, count)
        codes = np.stack([rows, cells], 1).astype(np.uint8).tobytes()
        return codes.decode("gb2312", errors="ignore")
    ids = np.exp(rng.uniform(np.log(320), np.log(49406), count)).astype(int)
    text = _tokenize.decode(ids.tolist()).strip()
    return f"{text} {rng.integers(0, 1000)}" if rng.random() < 0.2 else text


def pick(items: tuple[str, ...], rng: np.random.Generator) -> str:
    return items[rng.integers(len(items))]


def sentence(language: str, rng: np.random.Generator) -> str:
    """A caption, a badge, a call to action or a brand."""
    while True:
        text = pick(CAPTIONS + BADGES + CTAS + BRANDS, rng)
        if text.isascii() == (language == "en"):
            return text


def varied(text: str, rng: np.random.Generator) -> str:
    """The text in another case or without its last mark, now and then."""
    return text.upper() if rng.random() < 0.1 else text


def wrapped(claim: Claim, rng: np.random.Generator) -> str:
    """The claim within the copy of an ad: bare, in a template, or between random words."""
    text, gap = varied(claim.text, rng), " " if claim.language == "en" else ""
    before, after = TRAINING[claim.language]
    if rng.random() < 0.1:
        return text
    if rng.random() < 0.7:
        text = pick(before, rng) + gap + text
        while rng.random() < 0.25 and len(text) < 70:
            text = sentence(claim.language, rng) + (gap or "，") + text
    elif rng.random() < 0.6:
        text = noise_text(rng, 8) + " " + text
    if rng.random() < 0.7:
        text = text + (". " if gap and rng.random() < 0.8 else gap) + pick(after, rng)
    elif rng.random() < 0.6:
        text = text + " " + noise_text(rng, 8)
    return text


def harmless(rng: np.random.Generator) -> str:
    """Copy with no claim of ours: fillers, or random words."""
    if rng.random() < 0.4:
        return noise_text(rng, 14)
    language = "en" if rng.random() < 0.5 else "zh"
    before, after = TRAINING[language]
    parts = [
        pick(before, rng),
        *(sentence(language, rng) for _ in range(rng.integers(0, 3))),
        pick(after, rng),
    ]
    return (" " if language == "en" else "").join(parts)
