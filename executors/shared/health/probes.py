"""The pages of a process's monitor port that say how it is: live, ready, deep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from adjudicate.documents import Canary
from executors.shared.health.canaries import Canaries
from executors.shared.health.checks import Check, Checks, Found
from executors.shared.health.pulse import Pulse
from executors.shared.settings import HealthSettings
from executors.shared.telemetry.monitor import Monitor, Page

LIVE, READY, DEEP = "/health/live", "/health/ready", "/health/deep"
GRACE_S = 2.0
"""The room gives its canary up first, and says more of why."""

Said = tuple[bool, Mapping[str, Any]]
"""Whether all is well, and the page's fields."""


def page(say: Callable[[], Said]) -> Page:
    """JSON; 200 when all is well, else 503."""

    def answer() -> tuple[int, str, bytes]:
        well, fields = say()
        return 200 if well else 503, "application/json", json.dumps(fields).encode()

    return answer


class RoomProbes:
    """The three probes of a room's replica."""

    def __init__(
        self,
        room: str,
        replica: int,
        settings: HealthSettings,
        *,
        work: Callable[[], Awaitable[None]],
        done: Callable[[], int],
        checks: Callable[[], Mapping[str, Check]],
        patience_s: float = 0.0,
    ) -> None:
        """`checks` as for `Checks`, once it is open; the others as for `Canaries`."""
        self._who = {"room": room, "replica": replica}
        self._settings = settings
        self._pulse = Pulse()
        self._checks = Checks(checks)
        self._open = False
        self.canaries = Canaries(room, replica, settings, work, done, patience_s)

    def add_to(self, monitor: Monitor) -> None:
        """Answer on this port."""
        for path, say in ((LIVE, self.live), (READY, self.ready), (DEEP, self.deep)):
            monitor.add(path, page(say))

    def opened(self) -> None:
        """The room has loaded what it needs."""
        self._open = True
        with suppress(RuntimeError):  # it may be outside of a loop: a canary tells which one later
            self._pulse.follow(asyncio.get_running_loop())

    async def canary(self) -> Canary:
        """As `Canaries.run`."""
        self._pulse.follow(asyncio.get_running_loop())
        return await self.canaries.run()

    def live(self) -> Said:
        """False when only a restart can help: the event loop is stuck, or the room has failed its
        canaries as often as is allowed, by its own fault."""
        behind, failures = self._pulse.behind(), self.canaries.failures
        stuck = behind > self._settings.canary_timeout_s
        live = not stuck and failures < self._settings.canary_failures
        said = {"live": live, "event_loop_behind_s": round(behind, 3), "canary_failures": failures}
        return live, {**self._who, **said}

    def ready(self) -> Said:
        """Whether the room can take ads: it has loaded, and every check is well."""
        found = self._checks.found() if self._open else [Found("loaded", False, "it is loading")]
        ready = all(each.ok for each in found)
        return ready, {**self._who, "ready": ready, "checks": [vars(each) for each in found]}

    def deep(self) -> Said:
        """A canary, now. A busy room is well."""
        canary = self._canary_now()
        well = canary.result in ("ok", "busy")
        names = ("result", "detail", "outside", "milliseconds", "pid")
        return well, {**self._who, **{name: getattr(canary, name) for name in names}}

    def close(self) -> None:
        """Begin no further check. A canary that is under way has nothing to say any more."""
        self.canaries.close()
        self._checks.close()

    def _canary_now(self) -> Canary:
        loop = self._pulse.loop
        if not self._open or loop is None:
            return Canary(result="failed", detail="it is loading")
        asked = asyncio.run_coroutine_threadsafe(self.canaries.run(), loop)
        try:
            return asked.result(self._settings.canary_timeout_s + GRACE_S)
        except TimeoutError:
            asked.cancel()
            return Canary(result="timeout", detail="its event loop does not turn")
