"""Pictures for people's eyes: decoded as safely as the encoder does, made small, and encoded anew.

A browser never gets the bytes that a stranger sent.
"""

from __future__ import annotations

import asyncio
import io
from functools import partial

from PIL import Image
from starlette.responses import Response

from executors.gateway.console.console import Console
from executors.gateway.console.security import PICTURE_CSP
from executors.shared.images import decode
from executors.shared.settings import ImageLimits

WIDTHS = (96, 240, 480, 960, 1920)
"""Pixels of the longer side. Others are rounded up to one of these, so that caches can hold."""
_QUALITY = 84
_HEADERS = {
    "cache-control": "private, max-age=31536000, immutable",
    "content-security-policy": PICTURE_CSP,
    "content-disposition": "inline",
}


async def picture_response(console: Console, data: bytes, width: str | int | None) -> Response:
    """The picture, at most as large as the smallest of `WIDTHS` that is not below `width`.

    Raises `AdError` for one that cannot be decoded.
    """
    side = side_of(width)
    async with console.decoding:
        content = await asyncio.to_thread(partial(small, data, side, console.settings.images))
    return Response(content, media_type="image/webp", headers=_HEADERS)


def small(data: bytes, side: int, limits: ImageLimits) -> bytes:
    """The picture as WebP, with its longer side at most `side` pixels; without its metadata.

    Raises `AdError` as `decode`.
    """
    image = decode(data, limits, at_least=side)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=3)
    return out.getvalue()


def side_of(width: str | int | None) -> int:
    """The next of `WIDTHS`; the largest for none, or what is no number."""
    try:
        wanted = int(width or WIDTHS[-1])
    except ValueError:
        wanted = WIDTHS[-1]
    return next((one for one in WIDTHS if one >= wanted), WIDTHS[-1])
