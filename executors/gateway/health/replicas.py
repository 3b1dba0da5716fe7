"""What the gateway knows of each replica of each room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from adjudicate.documents import Canary, ReplicaHealth
from executors.shared.health.board import Restarts, Seen, port_of_address

OPTIONAL = frozenset({"judge"})
"""Rooms without which ads are decided all the same."""

logger = logging.getLogger(__name__)


@dataclass
class Replica:
    """One of a room."""

    room: str
    address: str
    """`host:port`."""
    number: int
    state: str = "unknown"
    """A `ReplicaState`."""
    last: str = ""
    milliseconds: float = 0.0
    failures: int = 0
    """In a row."""
    own_failures: int = 0
    """In a row, by its own fault."""
    sent: int = 0
    detail: str = ""

    @property
    def name(self) -> str:
        return f"{self.room}/{self.number}"

    def note(self, canary: Canary) -> None:
        """A canary has come back, or was given up."""
        self.sent += 1
        self.last = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.milliseconds = canary.milliseconds
        self.detail = canary.detail
        if canary.result in ("ok", "busy"):
            if self.failures:
                logger.warning("%s answers its canary again", self.name)
            self.state = "healthy" if canary.result == "ok" else "busy"
            self.failures = self.own_failures = 0
            return
        if not self.failures:
            logger.warning("%s fails its canary: %s", self.name, canary.detail)
        self.state = "unhealthy"
        self.failures += 1
        self.own_failures = 0 if canary.outside else self.own_failures + 1


@dataclass
class Replicas:
    """All of them, by address. Belongs to one event loop; others may read."""

    restarts: Callable[[], Mapping[str, Restarts]] | None = None
    """By port, as the supervisor tells them; None where there is none."""
    _known: dict[str, Replica] = field(default_factory=dict)

    def of(self, room: str, address: str, number: int) -> Replica:
        """The replica at this address; a new one has this number, or else the lowest free one."""
        if address not in self._known:
            taken = {each.number for each in self if each.room == room}
            if number in taken:
                number = next(free for free in count() if free not in taken)
            self._known[address] = Replica(room, address, number)
        return self._known[address]

    def forget(self, address: str) -> None:
        """There is no replica at this address any more."""
        self._known.pop(address, None)

    def __contains__(self, replica: Replica) -> bool:
        return self._known.get(replica.address) is replica

    def __iter__(self) -> Iterator[Replica]:
        return iter(list(self._known.values()))

    def healthy(self, room: str) -> bool | None:
        """Whether a replica of the room does its work; None as long as nothing is known."""
        states = [each.state for each in self if each.room == room and each.state != "unknown"]
        return any(state != "unhealthy" for state in states) if states else None

    def all_healthy(self) -> dict[str, bool]:
        """By room, whether all of its replicas do; rooms of which nothing is known are left out."""
        found: dict[str, bool] = {}
        for each in self:
            if each.state != "unknown":
                found[each.room] = found.get(each.room, True) and each.state != "unhealthy"
        return found

    def shown(self, room: str) -> list[ReplicaHealth]:
        """For the room's status."""
        restarts = self.restarts() if self.restarts else None
        return [_shown(each, restarts) for each in self if each.room == room]

    def seen(self) -> dict[str, Seen]:
        """For the supervisor, by port."""
        return {
            port_of_address(each.address): Seen(each.own_failures, each.sent, each.detail)
            for each in self
        }


def _shown(replica: Replica, restarts: Mapping[str, Restarts] | None) -> ReplicaHealth:
    restarted = restarts.get(port_of_address(replica.address)) if restarts else None
    counted = restarted.died + restarted.unhealthy if restarted else 0
    return ReplicaHealth(
        replica=replica.number,
        address=replica.address,
        state=replica.state,
        last_canary=replica.last,
        milliseconds=replica.milliseconds,
        failures=replica.failures,
        detail=replica.detail,
        restarts=None if restarts is None else counted,
        restarted_at=restarted.last if restarted else "",
        restart_reason=restarted.reason if restarted else "",
    )
