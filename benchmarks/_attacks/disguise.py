"""The ways in which English words are written so that a filter does not read them."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable

_LOOK_ALIKES = str.maketrans("aceopxyijsAEIOPS", "асеорхуіјѕАЕІОРЅ")
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
_ZERO_WIDTH = "\u200b"


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _tags(text: str) -> str:
    """Invisible characters that spell it, behind words that say nothing."""
    return "Good morning" + "".join(chr(0xE0000 + ord(char)) for char in text)


DISGUISES: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "ROT13": lambda text: codecs.encode(text, "rot13"),
    "leetspeak": lambda text: text.translate(_LEET),
    "look-alikes": lambda text: text.translate(_LOOK_ALIKES),
    "zero width": lambda text: _ZERO_WIDTH.join(text),
    "full width": _fullwidth,
    "spelled out": lambda text: " ".join(text.replace(" ", "")),
    "dots": lambda text: ".".join(text.replace(" ", "")),
    "backwards": lambda text: text[::-1],
    "run together": lambda text: "#" + text.title().replace(" ", "").replace(",", ""),
    "tags": _tags,
}
IN_PICTURES = ("base64", "leetspeak", "spelled out", "dots", "backwards", "run together")
"""Those that can be drawn, and seen."""
