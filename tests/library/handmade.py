"""Hand-made embeddings, and the cases and exemplars that have them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Case, Exemplar
from adjudicate.images import EncodedImage

Vector = NDArray[np.float32]
ZEROS, ONES = "0" * 64, "f" * 64


def unit(*values: float) -> Vector:
    """A vector of unit norm."""
    vector = np.array(values, np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def at_cosine(cosine: float) -> Vector:
    """A unit vector of four dimensions whose cosine with the first axis is this."""
    return unit(cosine, np.sqrt(1 - cosine**2), 0, 0)


FIRST_AXIS = at_cosine(1.0)


def pictured(vector: Vector, **fields: Any) -> Case:
    return Case(image=EncodedImage(b"ad"), image_embedding=vector, **fields)


def worded(*windows: Vector, **fields: Any) -> Case:
    return Case(text="copy", text_embedding=np.stack(windows), **fields)


def picture(content: bytes, vector: Vector = FIRST_AXIS, **fields: Any) -> Exemplar:
    labels = {"category": "cure", "rule": "CN-AL-16", **fields}
    return Exemplar(image=EncodedImage(content), image_embedding=vector, **labels)


def wording(text: str, *windows: Vector, **fields: Any) -> Exemplar:
    labels = {"category": "cure", "rule": "CN-AL-16", **fields}
    return Exemplar(text=text, text_embedding=np.stack(windows or [FIRST_AXIS]), **labels)
