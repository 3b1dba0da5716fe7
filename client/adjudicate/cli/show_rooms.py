"""The rooms for people: what runs where, and how their canaries go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from adjudicate.documents import ReplicaHealth, RoomStatus

_COLOURS = {"healthy": "green", "busy": "yellow", "unhealthy": "bold red"}


def room_table(rooms: Iterable[RoomStatus]) -> Table:
    """What runs where."""
    table = Table("room", "ready", "model", "device", "precision", "details", box=box.SIMPLE)
    for room in rooms:
        ready = Text("yes", style="green") if room.ready else Text("no", style="bold red")
        details = [f"{name} {value}" for name, value in {**room.facts, **room.counters}.items()]
        table.add_row(
            room.room, ready, room.model, room.device, room.precision, Text("\n".join(details))
        )
    return table


def health_table(rooms: Sequence[RoomStatus]) -> Table | None:
    """How the last canary of each replica went, and its restarts; None where there are none."""
    if not any(room.replicas for room in rooms):
        return None
    names = ("replica", "canary", "last (UTC)", "ms", "failed in a row", "restarts")
    table = Table(*names, box=box.SIMPLE)
    for room in rooms:
        for one in room.replicas:
            name = room.room if len(room.replicas) == 1 else f"{room.room}/{one.replica}"
            if one.restarts is None:  # it is found by its address alone
                name = f"{name}, {one.address}"
            table.add_row(
                Text(name),
                _canary(one),
                Text(_time(one.last_canary)),
                Text(f"{one.milliseconds:.0f}" if one.last_canary else "", justify="right"),
                Text(str(one.failures), justify="right"),
                Text(_restarts(one)),
            )
    return table


def _canary(one: ReplicaHealth) -> Text:
    text = Text(one.state, style=_COLOURS.get(one.state, ""))
    return text.append(f": {one.detail}", style="default") if one.detail else text


def _restarts(one: ReplicaHealth) -> str:
    if one.restarts is None:
        return "no supervisor"
    if not one.restarts:
        return "0"
    return f"{one.restarts}, the last {_time(one.restarted_at)} ({one.restart_reason})"


def _time(when: str) -> str:
    """`12:50:17` of a time of ISO 8601."""
    return when[11:19]
