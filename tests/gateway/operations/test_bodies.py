"""Numbers, lists and objects of a request's body."""

from __future__ import annotations

from typing import Any

import pytest

from adjudicate.errors import RequestError
from executors.gateway.operations.bodies import parse_json, whole


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", 1, 10])
def test_a_whole_number_is_one_however_json_or_a_query_writes_it(value: Any) -> None:
    assert whole(value, "limit", 1, 10) == int(float(value))


@pytest.mark.parametrize(
    "value",
    [0, 11, -1, 7.5, "7.0", "seven", "", None, True, [7], {}, 1e300, float("inf"), float("nan")],
)
def test_what_is_none_or_out_of_bounds_is_refused_with_the_bounds(value: Any) -> None:
    with pytest.raises(RequestError, match="limit must be a whole number from 1 to 10"):
        whole(value, "limit", 1, 10)


@pytest.mark.parametrize("raw", [b"", b"{", b"NaN", b'"\xff"', b'"\\ud800"', b"[" * 100_000])
def test_what_is_no_json_is_refused_with_where_it_stands(raw: bytes) -> None:
    with pytest.raises(RequestError, match="malformed_request: the part is not JSON"):
        parse_json(raw, "the part")
