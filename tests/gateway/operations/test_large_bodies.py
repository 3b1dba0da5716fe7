"""A body that is mostly pictures is read by another parser, and means the same."""

from __future__ import annotations

import orjson
import pytest

from adjudicate.errors import RequestError
from executors.gateway.operations.bodies import LARGE, parse_body

PICTURE = "A" * (2 * LARGE)


def test_a_large_body_is_what_a_small_one_would_be() -> None:
    body = {"ads": [{"image": PICTURE, "text": '茶 \u0000 "', "deadline": 1.5e3, "context": {}}]}
    assert parse_body(orjson.dumps(body)) == body


@pytest.mark.parametrize(
    "wrong", ['{"image": "%s", "n": NaN}', '{"image": "%s"', '["%s"]', '{"image": "%s\ud800"}']
)
def test_what_is_no_json_object_is_refused_large_or_small(wrong: str) -> None:
    for picture in ("A", PICTURE):
        with pytest.raises(RequestError):
            parse_body((wrong % picture).encode("utf-8", "surrogatepass"))
