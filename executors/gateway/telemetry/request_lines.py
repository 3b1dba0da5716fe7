"""The gateway's lines of the log: what it refused, and what failed.

A reviewed ad has its line from the ledger; this is what never gets there. A request that went well
is a line at DEBUG only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from adjudicate.errors import STATUS, Code
from executors.gateway.caller import CALLER
from executors.shared.logs.lines import fields
from executors.shared.telemetry.catalogue import OK

if TYPE_CHECKING:
    from executors.gateway.telemetry.asked import Asked

logger = logging.getLogger("adjudicate.requests")

TELLING = frozenset(
    {
        *(Code.UNAUTHENTICATED, Code.RATE_LIMITED, Code.REQUEST_TIMEOUT, Code.TOO_MANY_ADS),
        *(Code.REQUEST_TOO_LARGE, Code.ROOM_UNAVAILABLE, Code.OVERLOADED, Code.DEADLINE_EXCEEDED),
    }
)
"""Codes whose detail is a sentence of the gateway's own. Others quote the request."""

_KNOWN = frozenset(Code)


def log_request(request: Asked) -> None:
    """One line: code, protocol, endpoint, the caller's id, the trace."""
    level = _level(request.code)
    if not logger.isEnabledFor(level):
        return
    caller = request.caller or _caller()
    span = request.span
    logger.log(
        level,
        _EVENTS[level],
        extra={
            **fields(
                code=request.code,
                protocol=request.protocol,
                endpoint=request.endpoint,
                caller=caller,
                detail=request.detail if request.code in TELLING else "",
                ms=round(request.seconds * 1_000, 1),
                trace_id=f"{span.trace_id:032x}" if span.is_valid else "",
            ),
            # A flood of one caller does not keep another's line out.
            "kind": f"{request.protocol} {request.code} {caller}".strip(),
        },
    )


_EVENTS = {
    logging.DEBUG: "answered",
    logging.INFO: "refused",
    logging.WARNING: "failed",
    logging.ERROR: "failed",
}


def _level(code: str) -> int:
    if code == OK:
        return logging.DEBUG
    if code not in _KNOWN or code == Code.INTERNAL:
        return logging.ERROR
    return logging.INFO if STATUS[Code(code)].http < 500 else logging.WARNING


def _caller() -> str:
    caller = CALLER.get()
    return "" if caller is None else caller.id
