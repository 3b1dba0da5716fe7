"""An ad as a chat for an OpenAI-compatible server."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

from PIL import Image

from executors.judge.backend import Question
from executors.judge.prompt import Message, Style, messages

_LOSSLESS_PIXELS = 512 * 512
"""A PNG up to this; a larger picture, which would be many megabytes, goes as a fine JPEG."""
_JPEG_QUALITY = 92


def chat(
    style: Style, question: Question, picture: str | None, last_line: str = ""
) -> list[dict[str, Any]]:
    """The messages, rules first; `picture` is a data URL, `last_line` ends the user's message."""
    system, user = messages(
        style,
        market=question.market,
        copy=question.copy,
        has_image=picture is not None,
        rules=question.rules,
    )
    asked = _text(user) + (f"\n{last_line}" if last_line else "")
    content: str | list[dict[str, Any]] = asked
    if picture is not None:
        shown = {"type": "image_url", "image_url": {"url": picture}}
        content = [shown, {"type": "text", "text": asked}]
    # Text alone goes as a string: not every server's chat template takes a list of one.
    return [
        {"role": "system", "content": _text(system)},
        {"role": "user", "content": content},
    ]


def data_url(image: Image.Image, max_pixels: int) -> str:
    """The picture's pixels alone, without EXIF, reduced to `max_pixels`."""
    scale = math.sqrt(max_pixels / (image.width * image.height))
    if scale < 1:
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    pixels = Image.new("RGB", image.size)
    pixels.paste(image)
    buffer = io.BytesIO()
    lossless = image.width * image.height <= _LOSSLESS_PIXELS
    if lossless:
        pixels.save(buffer, "PNG", compress_level=1)
    else:
        pixels.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{'png' if lossless else 'jpeg'};base64,{encoded}"


def _text(message: Message) -> str:
    content: Any = message["content"]
    return str(content[-1]["text"])
