"""Rooms that a review can do without: one that fails leaves its cases without its answer.

A room is optional when whatever is behind it gets the same cases from another room as well, as the
ledger does from the library, and when a case has a way to say that the answer is missing. What
becomes of such a case is the ledger's decision table's to say: it is never approved.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from grpc.aio import AioRpcError
from jina.excepts import EstablishGrpcConnectionError
from jina.types.request.data import DataRequest

from executors.gateway.routing.pictures import chosen, documents, without_pictures
from executors.gateway.routing.when import scalar

SAYS_MISSING: Mapping[str, Mapping[str, str]] = {"judge": {"verdict": "unavailable"}}
"""By room: what a case says when the room did not answer."""

GRACE_S = 5.0
"""The room gives up first, by the same bounds, and says more of why."""

UNREACHABLE = (AioRpcError, EstablishGrpcConnectionError, TimeoutError)
"""What asking a room raises when there will be no answer from it."""

logger = logging.getLogger(__name__)


class Absence:
    """Answers in the place of one optional room."""

    def __init__(self, room: str, most_s: float) -> None:
        self._room = room
        self._most_s = most_s + GRACE_S
        self._says = SAYS_MISSING[room]
        self._missing = False

    def patience(self, cases: DataRequest) -> float:
        """Seconds to wait for the room: until the last of the cases' deadlines, if all have one,
        and no longer than the room itself takes for an ad."""
        deadlines = [scalar(case.data["deadline"]) for case in documents(cases)]
        if not deadlines or None in deadlines:
            return self._most_s
        return min(self._most_s, max(0.0, max(deadlines) - time.time()) + GRACE_S)

    def answer(self, cases: DataRequest, why: BaseException) -> DataRequest:
        """The cases as if they came from the room, each saying that it did not answer."""
        if not self._missing:
            logger.warning("%s does not answer; ads go on without it: %s", self._room, _line(why))
        self._missing = True
        answer = chosen(cases, without_pictures(documents(cases)))
        for case in documents(answer):
            for field, value in self._says.items():
                case.data[field].text = value
        # The room behind tells its needs apart by this.
        answer.add_executor(self._room)
        return answer

    def over(self) -> None:
        """The room has answered."""
        if self._missing:
            logger.warning("%s answers again", self._room)
        self._missing = False


def _line(error: BaseException) -> str:
    text = error.details() if isinstance(error, AioRpcError) else str(error)
    lines = (text or "").strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
