"""How long a request took at the gateway, beside what its rooms say of themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar

from jina.types.request.data import DataRequest

from executors.gateway.routing.pictures import documents
from executors.gateway.routing.times import AdTimes

ARRIVED: ContextVar[float | None] = ContextVar("arrived", default=None)
"""`time.perf_counter()` when the request came to the door."""

_OWN = "gateway"


def note_times(
    decisions: DataRequest,
    asked: Mapping[str, float],
    since: float,
    remembered: AdTimes | None = None,
) -> None:
    """Add the gateway's milliseconds to each decision's timings, which hold the rooms' own.

    `asked` is how long each room took as seen from here, in ms; what the room does not account for
    itself, the way there and back and the wait for others to go with, becomes `gateway.<room>`.
    `gateway` is all that is left of the time since `since`, these included. `remembered` gets the
    times of each.
    """
    whole = (time.perf_counter() - since) * 1_000
    for decision in documents(decisions):
        timings = decision.data["timings"].dict.data
        in_rooms = 0.0
        for room, milliseconds in asked.items():
            own = timings[room].float if room in timings else 0.0
            in_rooms += own
            timings[f"{_OWN}.{room}"].float = max(0.0, milliseconds - own)
        timings[_OWN].float = max(0.0, whole - in_rooms)
        if remembered is not None:
            remembered.add(whole, timings)
