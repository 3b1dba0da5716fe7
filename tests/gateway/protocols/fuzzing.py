"""What schemathesis checks of the contract, and what does not hold by design."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.specs.openapi import checks

from executors.gateway.protocols.paths import NAMES
from executors.gateway.protocols.requests import FORM

OF_ITEMS = {
    *("/v1/review", "/v1/embed", "/v1/search", "/v1/rank", "/v1/classify"),
    *("/v1/library", "/v1/thresholds"),
}
"""Bodies of several things: one that is wrong is refused alone, and the request is not."""

OF_FIELDS_TOGETHER = {
    *(("GET", "/v1/library"), ("PATCH", "/v1/library/{exemplar_id}")),
    *(("POST", "/v1/records/search"), ("POST", "/v1/records/export")),
    ("POST", "/v1/records/erase"),
    *(("POST", "/v1/moderations"), ("POST", "/v1/embeddings"), ("GET", "/v1/report")),
}
"""Where a field goes only with another, or at least one must be there: no schema says so."""


def left_out(case: schemathesis.Case) -> list[Any]:
    """The checks that do not hold for a case."""
    found = []
    if case.method == "POST" and case.path in OF_ITEMS:
        found.append(checks.negative_data_rejection)
    if case.media_type == FORM or (case.method, case.path) in OF_FIELDS_TOGETHER:
        found.append(checks.positive_data_acceptance)
    return found


def is_another_route(case: schemathesis.Case) -> bool:
    """Whether the id that was made up is a name which has a route of its own."""
    return (case.path_parameters or {}).get("exemplar_id") in NAMES


def give_time(case: schemathesis.Case) -> None:
    """Take the deadline out of a body: who gives a millisecond gets 504, and rightly."""
    if isinstance(case.body, dict):
        case.body.pop("deadline_ms", None)
