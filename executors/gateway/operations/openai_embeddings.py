"""CLIP embeddings in the shape of OpenAI's."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Case, Problem
from adjudicate.errors import STATUS, Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.moderations import MODEL
from executors.gateway.operations.openai_input import (
    ParameterError,
    check_text,
    malformed,
    part,
    picture,
)

FORMATS = ("float", "base64")
BYTES_PER_TOKEN = 4
"""The usage is an estimate: the encoder's tokens are not counted here."""


class EmbeddingApi:
    """Raises as `Api`, and `ParameterError` for an input without an embedding."""

    def __init__(self, embed: Callable[[Body], Awaitable[Iterable[Case]]]) -> None:
        """`embed`: a case for each ad of `{"ads": […]}`."""
        self._embed = embed

    async def create(self, body: Body) -> Body:
        """`{"input": text | [text] | [part], "model", "encoding_format"?, "dimensions"?}` →
        `{"object": "list", "data": [{index, embedding}], "model", "usage"}`.

        An embedding is of unit norm, `[D]`: numbers, or base64 of little-endian float32.
        """
        check_text(body, "user")
        encoding = "float" if body.get("encoding_format") is None else body["encoding_format"]
        if encoding not in FORMATS:
            raise malformed(
                f"encoding_format must be one of {', '.join(FORMATS)}", "encoding_format"
            )
        ads = _ads(body.get("input"))
        cases = list(await self._embed({"ads": ads}))
        _refuse_errors(cases)
        version = cases[0].versions.get("encoder", MODEL)
        check_model(body.get("model"), version)
        vectors = [_vector(case) for case in cases]
        _check_dimensions(body.get("dimensions"), len(vectors[0]))
        tokens = sum(-(-len(ad.get("text", "").encode()) // BYTES_PER_TOKEN) for ad in ads)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": at, "embedding": _encoded(vector, encoding)}
                for at, vector in enumerate(vectors)
            ],
            "model": version,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def check_model(given: Any, version: str) -> None:
    """Raises `ParameterError` for a model that is not here: its vectors would not be comparable."""
    if given not in (MODEL, version):
        detail = f"there is no model {str(given)[:100]!r}; embeddings are by {version!r}, "
        raise ParameterError(Code.NOT_FOUND, f"{detail}or {MODEL!r} for whichever it is", "model")


def _ads(given: Any) -> list[Body]:
    if isinstance(given, str):
        return [{"text": given}]
    if not isinstance(given, list):
        raise malformed("input must be a text, or a list of texts or pictures", "input")
    if not given:
        raise ParameterError(Code.NO_ADS, "the list input is empty", "input")
    return [_one(item, f"input[{at}]") for at, item in enumerate(given)]


def _one(item: Any, param: str) -> Body:
    if isinstance(item, str):
        return {"text": item}
    if isinstance(item, int | list):
        raise malformed("tokens are not read, since each model has its own; send text", param)
    if isinstance(item, dict) and set(item) == {"image"}:
        return picture(item["image"], param)
    return part(item, param)


def _refuse_errors(cases: list[Case]) -> None:
    for at, case in enumerate(cases):
        found = case.problem
        if found is None and case.image_embedding is None and case.text_embedding is None:
            found = Problem(code=Code.AD_EMPTY, detail=STATUS[Code.AD_EMPTY].title)
        if found is not None:
            param = f"input[{at}]" if len(cases) > 1 else "input"
            detail = f"{param}: {found.detail or found.code}"
            raise ParameterError(Code(found.code), detail, param)


def _check_dimensions(given: Any, dimensions: int) -> None:
    if given is not None and given != dimensions:
        detail = f"embeddings have {dimensions} dimensions, and cannot be cut to fewer"
        raise malformed(detail, "dimensions")


def _vector(case: Case) -> NDArray[np.float32]:
    """`[D]`, unit norm: of the picture, or the mean of the windows of a text that is longer than
    the encoder's context."""
    if case.image_embedding is not None:
        return np.asarray(case.image_embedding, np.float32)
    windows = np.asarray(case.text_embedding, np.float32)
    mean = windows.mean(axis=0)
    return windows[0] if len(windows) == 1 else mean / np.linalg.norm(mean)


def _encoded(vector: NDArray[np.float32], encoding: str) -> Any:
    if encoding == "float":
        return vector.tolist()
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
