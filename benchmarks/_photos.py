"""Photo-like JPEGs from a seed: 1/f noise, as natural pictures have it, of about a megapixel."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZES = ((1152, 864), (864, 1152), (1280, 720), (1024, 1024), (960, 960))
_FIELD = 2048
_SMALLEST, _LARGEST = 109_000, 302_000
"""Bytes of a file: what people's photos of this size have at ordinary qualities."""


def photos(count: int, seed: int = 0) -> list[bytes]:
    """`count` different JPEGs of about 100 to 300 KB."""
    rng = np.random.default_rng(seed)
    # Power falls with the square of the frequency in luma, faster in colour (Field, 1987).
    luma, colour = _field(rng, 1.25), _field(rng, 1.7)
    return [_encoded(_photo(rng, luma, colour), rng) for _ in range(count)]


def _photo(
    rng: np.random.Generator, luma: npt.NDArray[np.float32], colour: npt.NDArray[np.float32]
) -> Image.Image:
    width, height = SIZES[rng.integers(len(SIZES))]
    light = _cut(rng, luma, width, height)[..., None] * rng.uniform(35, 55)
    tint = np.stack([_cut(rng, colour, width, height) for _ in range(3)], axis=-1) * 25
    mean = rng.uniform(90, 160, 3)
    return Image.fromarray(np.clip(light + tint + mean, 0, 255).astype(np.uint8))


def _encoded(picture: Image.Image, rng: np.random.Generator) -> bytes:
    """As JPEG, of the first quality that meets a size drawn at random."""
    wanted = rng.uniform(_SMALLEST, _LARGEST)
    data = b""
    for quality in _qualities():
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= wanted:
            break
    return data


def _qualities() -> Iterator[int]:
    yield from (92, 88, 84, 78, 70, 60, 50)


def _field(rng: np.random.Generator, exponent: float) -> npt.NDArray[np.float32]:
    """Noise `[2048, 2048]` of amplitude 1/f^exponent, mean 0, deviation 1."""
    fy = np.fft.fftfreq(_FIELD)[:, None]
    fx = np.fft.rfftfreq(_FIELD)[None]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    phases = np.exp(2j * np.pi * rng.random(frequency.shape))
    field = np.fft.irfft2(frequency**-exponent * phases, (_FIELD, _FIELD))
    return (field / field.std()).astype(np.float32)


def _cut(
    rng: np.random.Generator, field: npt.NDArray[np.float32], width: int, height: int
) -> npt.NDArray[np.float32]:
    top, left = rng.integers(_FIELD - height), rng.integers(_FIELD - width)
    cut = field[top : top + height, left : left + width]
    cut = cut[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return cut - cut.mean()
