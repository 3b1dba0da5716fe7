"""A picture's look in 256 bits: PDQ, the hash by which platforms exchange known pictures.

Source: https://github.com/facebook/ThreatExchange/tree/main/pdq, hashing.pdf.
"""

from __future__ import annotations

import re

import numpy as np
import pdqhash
from PIL import Image

HASH_BITS = 256

_LEAST_QUALITY = 50
"""PDQ's own advice, 0 to 100: below it a picture has too few edges for its hash to mean anything,
and all nearly uniform pictures would be copies of one another."""

_SIDE = 128
"""PDQ sees 64 x 64 cells. Every picture is brought to one size first: from its full size the
hashes of a picture at 1,024 and at 150 pixels differ in up to 34 bits, from this one in 10."""

_IS_HASH = re.compile(rf"[0-9a-f]{{{HASH_BITS // 4}}}").fullmatch


def perceptual_hash(image: Image.Image) -> str:
    """The PDQ hash of an RGB picture: 64 hex digits, or empty where it would mean nothing."""
    size = (_SIDE, _SIDE)  # PDQ's cells have the picture's shape: nothing is lost by a square
    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    bits, quality = pdqhash.compute(np.array(small))
    return np.packbits(bits).tobytes().hex() if quality >= _LEAST_QUALITY else ""


def hash_distance(one: str, other: str) -> int:
    """Bits in which two perceptual hashes differ; all of them when either is not one."""
    if not (_IS_HASH(one) and _IS_HASH(other)):
        return HASH_BITS
    return (int(one, 16) ^ int(other, 16)).bit_count()
