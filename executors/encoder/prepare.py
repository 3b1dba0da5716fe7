"""From a document to what the model takes: everything that can be wrong with one ad ends here."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from adjudicate.documents import Candidate, Case, Exemplar
from adjudicate.errors import AdError, Code
from executors.encoder.model import ClipEncoder
from executors.shared.images import decode
from executors.shared.perceptual_hash import perceptual_hash
from executors.shared.settings import ImageLimits


@dataclass(frozen=True)
class Prepared:
    """One document, ready for the model. The picture itself, up to 150 MB, is not kept."""

    pixels: torch.Tensor | None = None
    """`[H, W, 3] uint8`."""
    windows: list[str] = field(default_factory=list)
    phash: str = ""


def prepare(
    document: Case | Exemplar | Candidate,
    model: ClipEncoder,
    limits: ImageLimits,
    *,
    hashed: bool = True,
) -> Prepared:
    """Check a document, decode its picture and split its copy; `hashed` also hashes the picture.

    Raises `AdError` for what its sender can mend: no content, a url, too long a text, a bad image.
    """
    if document.image is None and getattr(document, "url", None):
        raise AdError(Code.URL_NOT_ALLOWED)
    if len(document.text) > limits.max_text:
        detail = f"{len(document.text)} characters; at most {limits.max_text} are allowed"
        raise AdError(Code.TEXT_TOO_LONG, detail)
    pixels, phash = None, ""
    if document.image is not None:
        image = decode(document.image, limits, model.decode_side)
        pixels, phash = model.preprocess(image), perceptual_hash(image) if hashed else ""
    # An exemplar is one claim: a part of it, such as the "Dr" of "Dr. Lee", would match anything.
    windows = model.windows(document.text, one_if_it_fits=not isinstance(document, Case))
    if pixels is None and not windows:
        raise AdError(Code.AD_EMPTY)
    return Prepared(pixels, windows, phash)
