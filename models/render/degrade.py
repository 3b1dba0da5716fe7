"""What cameras, editors and networks do to a picture."""

import io

import numpy as np
from PIL import Image, ImageFilter

FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def resize(image: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """To `size` pixels a side, with a random filter."""
    return image.resize((size, size), FILTERS[rng.integers(len(FILTERS))])


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def degrade(image: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Some of: blur, tone, noise, JPEG. All grow with `strength` (0..1)."""
    if rng.random() < 0.3 * strength:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.006 * image.width)))
    if rng.random() < 0.6 * strength:
        gain, lift = 1 + rng.normal(0, 0.12) * strength, rng.normal(0, 10) * strength
        values = np.asarray(image, dtype=np.float32) * gain + lift
        sigma = abs(rng.normal(0, 6)) * strength
        values += rng.standard_normal(values.shape, dtype=np.float32) * sigma
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.5 * strength:
        image = jpeg(image, int(rng.integers(35, 96)))
    return image
