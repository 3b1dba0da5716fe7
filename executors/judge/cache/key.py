"""What a verdict is known by: everything that the judge sees, and everything that makes it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from executors.judge import answer, prompt
from executors.judge.backend import Backend


@dataclass(frozen=True)
class Content:
    """One ad as far as its verdict can depend on it.

    An ad's product counts by the rules that it chooses, its language not at all: the judge is told
    neither. The rationale mode does not count either: `Verdicts` looks whether what it holds was
    answered as far as is asked now.
    """

    picture: str
    """SHA-256, hex, of the encoded picture; empty without."""
    copy: str
    """As the prompt shows it, `prompt.clean`."""
    market: str
    rules: str
    """`Policy.version_of` the rules that the ad is held to."""


def maker(backend: Backend, max_pixels: int) -> str:
    """What makes a verdict beside the ad: model, prompt, answer format, size of the picture."""
    made_by = (backend.version, backend.precision, backend.style, max_pixels)
    return json.dumps([*made_by, prompt.VERSION, answer.SCHEMA_VERSION])


def picture_hash(data: bytes | None) -> str:
    """SHA-256, hex, of an encoded picture; empty for none. Releases the GIL on a large one.

    A case's own `content_hash` is of picture and copy together, and of the copy as it was sent.
    """
    return "" if data is None else hashlib.sha256(data).hexdigest()


def key_of(content: Content, made_by: str) -> str:
    """SHA-256, hex, of all of it; JSON keeps the parts apart."""
    parts = [content.picture, content.copy, content.market, content.rules, made_by]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
