"""Which process has which monitor port. It imports nothing, so that a probe of it costs little."""

from __future__ import annotations

ROOMS = ("gateway", "encoder", "library", "judge", "ledger")
"""In the order of their ports."""
REPLICA_PORTS = 10
"""From one replica's port to the next's."""


def port_of(base: int, room: str, replica: int) -> int:
    """The monitor port of a room's replica; 0 when `base` is 0."""
    return base + ROOMS.index(room) + REPLICA_PORTS * replica if base else 0
