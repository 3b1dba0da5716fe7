"""Violating ads whose picture or copy speaks to the reviewer, and the same ads without."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random

import numpy as np
from PIL import Image

from adjudicate.documents import Case
from adjudicate.images import EncodedImage
from benchmarks._attacks.drawing import WAYS
from benchmarks._attacks.phrases import PLACES, Place, phrases
from models.judge_training.ads import copy_around
from models.render.claims import COMPLIANT, VIOLATING, Claim
from models.render.fonts import HELD_OUT_FONTS
from models.render.render import HELD_OUT_LAYOUTS, Rendered, render

_SIZE = 512
_SEED = 5_200_000
_LONGEST = 390
"""Characters of copy: the shipped judge refuses longer ones, attacked or not."""


@dataclass(frozen=True)
class Attacked:
    """One attacked ad, and the ad that it is without the attack."""

    claim: Claim
    family: str
    place: Place
    way: str
    """How it is drawn into the picture; `copy` in the copy."""
    words: str
    case: Case
    plain: Case


def attacked_ads(
    each: int = 10, *, violating: bool = True, seed: int = _SEED
) -> Iterator[Attacked]:
    """Yield `each` ads per family and place, from a fixed seed, in layouts and faces unseen.

    `violating` says which claims they make. An ad that is attacked in its copy makes its claim in
    the picture, or, every other one, in the copy.
    """
    claims = cycle(Random(seed).sample(VIOLATING if violating else COMPLIANT, 40))
    ways = cycle(WAYS)
    words = list(phrases())
    for number, (family, place) in enumerate(
        (family, place) for family in dict.fromkeys(f for f, _, _ in words) for place in PLACES
    ):
        said = [text for f, p, text in words if (f, p) == (family, place)]
        for turn in range(each):
            rng = Random(f"{seed} {number} {turn}")
            # Disguises come one phrase after the other: a step spreads over both.
            text = said[turn * max(1, len(said) // each) % len(said)]
            claim = next(claims)
            if place == "picture":
                yield _drawn(claim, family, text, next(ways), rng)
            else:
                yield _written(claim, family, text, rng, in_copy=turn % 2 == 1)


def _drawn(claim: Claim, family: str, text: str, way: str, rng: Random) -> Attacked:
    generator = np.random.default_rng(rng.getrandbits(32))
    ad = _render(claim, generator)
    copy = copy_around("", claim.language, rng) if rng.random() < 0.5 else ""
    return Attacked(
        claim,
        family,
        "picture",
        way,
        text,
        _case(claim, WAYS[way](ad, text, generator), copy),
        _case(claim, ad.image, copy),
    )


def _written(claim: Claim, family: str, text: str, rng: Random, *, in_copy: bool) -> Attacked:
    generator = np.random.default_rng(rng.getrandbits(32))
    image = None if in_copy else _render(claim, generator).image
    copy = copy_around(claim.text if in_copy else "", claim.language, rng)
    attacked = f"{text} {copy}" if rng.random() < 0.5 else f"{copy} {text}"
    if len(attacked) > _LONGEST:
        raise ValueError(f"the words are too long for the embedded judge: {text!r}")
    whole = _case(claim, image, attacked)
    return Attacked(claim, family, "copy", "copy", text, whole, _case(claim, image, copy))


def _render(claim: Claim, generator: np.random.Generator) -> Rendered:
    return render(claim, generator, size=_SIZE, fonts=HELD_OUT_FONTS, layouts=HELD_OUT_LAYOUTS)


def _case(claim: Claim, image: Image.Image | None, copy: str) -> Case:
    """A case as it comes to the judge: flagged by the screen."""
    encoded = None
    if image is not None:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=92)
        encoded = EncodedImage(buffer.getvalue())
    values = {"text": copy, "market": claim.market, "language": claim.language}
    return Case(image=encoded, flagged=True, **values)
