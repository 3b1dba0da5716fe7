"""Ads to profile with where none are named."""

from __future__ import annotations

import io

from adjudicate.documents import Ad

SIDE = 512
COPY = "Apples from the valley, picked this morning, 1 kg in a paper bag"


def made_ads(count: int) -> list[Ad]:
    """Different pictures of about 100 KB, each with harmless copy. Raises `ImportError` without
    Pillow."""
    import numpy as np
    from PIL import Image

    ads = []
    for number in range(count):
        rng = np.random.default_rng(number)
        small = rng.integers(0, 256, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8)
        # Blocks of four pixels: noise of every pixel would be far larger than a photo's.
        picture = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=88)
        ads.append(Ad(id=f"made-{number}", image=buffer.getvalue(), text=f"{COPY}, no. {number}"))
    return ads
