"""Which processes do not do their work, though they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from executors.shared.health.board import Board, Reason, Restarts
from executors.shared.settings import HealthSettings

GATEWAY = "gateway"
MOST_DOUBLINGS = 5
"""A room that a restart does not heal is restarted after twice as many failures each time, up to
32 times as many."""


class Watched(Protocol):
    """What is asked of a place."""

    room: str
    name: str
    started_at: float

    @property
    def port(self) -> str:
        """What the gateway knows it by."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it has come up."""
        ...


@dataclass
class _Standing:
    """What is remembered of one place."""

    sent_before: int = 0
    """Canaries that the gateway had sent when the process came up: what failed then is no fault
    of this one."""
    unhealed: int = 0
    """Restarts in a row after which no canary came back."""


class HealthWatch:
    """Reads what the gateway tells, and says who is to be restarted. One thread's."""

    def __init__(
        self,
        board: Board,
        settings: HealthSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._settings = settings
        self._clock = clock
        self._standings: dict[str, _Standing] = {}
        self._restarts: dict[str, Restarts] = {}
        self._beat = -1
        self._beat_at = clock()

    def came_up(self, place: Watched) -> None:
        """The place's process is ready."""
        health = self._board.health()
        seen = health.replicas.get(place.port) if health is not None else None
        self._standing(place).sent_before = seen.sent if seen is not None else 0
        if place.room == GATEWAY:
            self._beat_at = self._clock()

    def why_restart(self, place: Watched) -> str:
        """What is wrong with the place's process, as the end of a sentence; empty if nothing is."""
        if not place.ready:
            waited = self._clock() - place.started_at
            late = waited >= self._settings.ready_s
            return f"is not ready after {self._settings.ready_s:g} s" if late else ""
        if not self._settings.canary_s:
            return ""
        return self._silence() if place.room == GATEWAY else self._failures(place)

    def restarted(self, place: Watched, reason: Reason) -> None:
        """The place's process has ended, and will be restarted. Raises `OSError`."""
        if reason == "unhealthy":
            self._standing(place).unhealed += 1
        one = self._restarts.get(place.port, Restarts(place.room))
        self._restarts[place.port] = replace(
            one,
            died=one.died + (reason == "died"),
            unhealthy=one.unhealthy + (reason == "unhealthy"),
            last=datetime.now(UTC).isoformat(timespec="milliseconds"),
            reason=reason,
        )
        self._board.tell_restarts(self._restarts)

    def _standing(self, place: Watched) -> _Standing:
        return self._standings.setdefault(place.name, _Standing())

    def _silence(self) -> str:
        """The gateway tells something each `canary_s` seconds, however the rooms are."""
        settings, beat = self._settings, self._board.heart()
        if beat != self._beat:
            self._beat, self._beat_at = beat, self._clock()
            return ""
        patience = settings.canary_failures * settings.canary_s + settings.canary_timeout_s
        silent = self._clock() - self._beat_at > patience
        return f"has said nothing for {patience:g} s" if silent else ""

    def _failures(self, place: Watched) -> str:
        health = self._board.health()
        seen = health.replicas.get(place.port) if health is not None else None
        if seen is None:
            return ""
        standing = self._standing(place)
        if seen.sent < standing.sent_before:
            standing.sent_before = 0  # another gateway, which counts anew
        failures = min(seen.failures, seen.sent - standing.sent_before)
        if seen.sent > standing.sent_before and not seen.failures:
            standing.unhealed = 0
        most = self._settings.canary_failures * 2 ** min(standing.unhealed, MOST_DOUBLINGS)
        if failures < most:
            return ""
        return f"failed {failures} canaries in a row ({seen.detail or 'no answer'})"
