"""Base64 is read as strictly as ever, by whichever decoder."""

from __future__ import annotations

import base64
import os

import pytest
from pydantic_core import PydanticCustomError

from adjudicate.images import EncodedImage


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1_000, 100_001])
def test_what_was_encoded_comes_back(size: int) -> None:
    data = os.urandom(size)
    assert EncodedImage.parse(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "text",
    [
        *("abc", "ab", "a-_b", "!!!!", "YWJj\n", "YWJj YWJj", "YQ==YQ==", "=YWJ", "YW\u00e4j"),
        *('YWJj"', '","a":', "\\u0041AA", "YWJ\\n", "YWJj\x00", "YWJjYWJ"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="not valid base64"):
        EncodedImage.parse(text)


def test_loose_last_bits_are_taken_as_the_standard_library_takes_them() -> None:
    assert EncodedImage.parse("YR==") == base64.b64decode("YR==", validate=True) == b"a"
