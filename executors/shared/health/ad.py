"""The ad that every deep check uses: harmless, small, and always the same."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image

from adjudicate.documents import Ad, Case

CANARY_ID = "canary"
"""Of the ad. It is in no decision: nothing that a canary does is recorded."""
COPY = "Tea."
"""Shorter than any sensible limit."""
_SIDE = 64


@cache
def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((_SIDE, _SIDE)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def canary_case() -> Case:
    """A new case for the ad, as the first room makes it; with its picture."""
    return Case.of(Ad(id=CANARY_ID, image=_picture(), text=COPY))
