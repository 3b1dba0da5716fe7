"""The gateway's health: its canaries, what follows from them, and its own probes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from jina.serve.networking import GrpcConnectionPool

from adjudicate.documents import ReplicaHealth
from executors.gateway.health.replicas import OPTIONAL, Replicas
from executors.gateway.health.rounds import GRACE_S, Rounds
from executors.gateway.health.service import HealthService, statuses
from executors.shared.health.board import Board
from executors.shared.health.probes import DEEP, LIVE, READY, Said, page
from executors.shared.health.pulse import Pulse
from executors.shared.settings import HealthSettings
from executors.shared.telemetry.catalogue import ROOM_HEALTHY, ROOM_RESTARTS
from executors.shared.telemetry.instruments import Observed
from executors.shared.telemetry.monitor import Monitor

_WHO = {"room": "gateway", "replica": 0}


class GatewayHealth:
    """Belongs to the gateway's event loop; the probes are answered in other threads."""

    def __init__(
        self,
        pool: GrpcConnectionPool,
        rooms: Iterable[str],
        settings: HealthSettings,
        monitor: Monitor,
    ) -> None:
        self._rooms = tuple(rooms)
        self._settings = settings
        board = Board(settings.board) if settings.board else None
        self._board = board
        self.replicas = Replicas(board.restarts) if board else Replicas()
        self.service = HealthService()
        """gRPC's."""
        self._rounds = Rounds(pool, self._rooms, settings, self.replicas, board)
        self._rounds.watchers.append(self._tell_grpc)
        self._pulse = Pulse()
        self._listening = self._stopping = False
        self._tell_grpc()
        self._forget = (ROOM_HEALTHY.watch(self._healthy), ROOM_RESTARTS.watch(self._restarts))
        for path, say in ((LIVE, self._live), (READY, self._ready), (DEEP, self._deep)):
            monitor.add(path, page(say))

    def start(self) -> None:
        """The servers listen: begin to send canaries."""
        self._listening = True
        self._pulse.follow(asyncio.get_running_loop())
        self._rounds.start()

    async def stop(self) -> None:
        """Send none any more; not ready from now on."""
        self._stopping = True
        for forget in self._forget:
            forget()
        await self._rounds.stop()

    def of(self, room: str) -> Sequence[ReplicaHealth]:
        """What is known of a room's replicas, for its status."""
        return self.replicas.shown(room)

    def unwell(self, room: str) -> bool:
        """Whether no replica of the room does its work."""
        return self.replicas.healthy(room) is False

    def busy(self, room: str) -> bool:
        """Whether a replica of the room had too much to do to answer its last canary in time."""
        return any(each.room == room and each.state == "busy" for each in self.replicas)

    def _tell_grpc(self) -> None:
        self.service.tell(statuses(self.replicas, self._rooms))

    def _live(self) -> Said:
        behind = self._pulse.behind()
        live = behind <= self._settings.canary_timeout_s
        return live, {**_WHO, "live": live, "event_loop_behind_s": round(behind, 3)}

    def _ready(self) -> Said:
        """Ready when ads can be decided. A judge that is away is said, and not waited for: what it
        should have seen is escalated."""
        waits = "" if self._listening else "it waits for its rooms to answer"
        checks = [{"name": "servers", "ok": self._listening, "detail": waits or "they listen"}]
        for room in self._rooms:
            well = self.replicas.healthy(room)
            detail = "; ".join(each.detail for each in self.replicas if each.room == room)
            needed = well is not False or room in OPTIONAL
            said = "unknown" if well is None else detail.strip("; ") if not well else "healthy"
            checks.append({"name": room, "ok": needed, "detail": said})
        ready = not self._stopping and all(check["ok"] for check in checks)
        return ready, {**_WHO, "ready": ready, "checks": checks}

    def _deep(self) -> Said:
        """A canary through every room and replica, now."""
        loop = self._pulse.loop
        if loop is None:
            return False, {**_WHO, "detail": "it is starting"}
        asked = asyncio.run_coroutine_threadsafe(self._rounds.round(), loop)
        try:
            asked.result(self._settings.canary_timeout_s + 2 * GRACE_S)
        except TimeoutError:
            asked.cancel()
            return False, {**_WHO, "detail": "its event loop does not turn"}
        names = ("room", "number", "state", "milliseconds", "failures", "detail")
        rows = [{name: getattr(each, name) for name in names} for each in self.replicas]
        return all(row["state"] != "unhealthy" for row in rows), {**_WHO, "replicas": rows}

    def _healthy(self) -> Observed:
        return [(float(well), {"room": room}) for room, well in self.replicas.all_healthy().items()]

    def _restarts(self) -> Observed:
        counts: Counter[tuple[str, str]] = Counter()
        for one in self._board.restarts().values() if self._board else ():
            counts[one.room, "died"] += one.died
            counts[one.room, "unhealthy"] += one.unhealthy
        return [
            (count, {"room": room, "reason": reason}) for (room, reason), count in counts.items()
        ]
