"""Canaries on schedule: one through each replica of each room, by the same messages as ads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from docarray import DocList
from grpc import StatusCode
from grpc.aio import AioRpcError
from jina.proto import jina_pb2
from jina.serve.networking import GrpcConnectionPool
from jina.types.request.data import DataRequest

from adjudicate.documents import Canary
from executors.gateway.health.replicas import Replica, Replicas
from executors.shared.health.board import Board, Health
from executors.shared.settings import HealthSettings
from executors.shared.telemetry.catalogue import CANARIES, CANARY_SECONDS

ENDPOINT = "/canary"
UNREACHABLE = "nobody listens there"
GRACE_S = 5.0
"""A room gives its canary up first, and says more of why."""
RECHECK_S = 1.0
"""How often a replica that nobody listens for is tried again: its process is being restarted, and
should be known to be back soon after it is."""
LATE_S = 1.0
"""By which this process noticed too late that nothing came: then it was itself that was busy."""

logger = logging.getLogger(__name__)


class Rounds:
    """Sends them, and tells those who want to know. Belongs to one event loop.

    They pass neither door nor limits, and the rooms count, record and log nothing of them.
    """

    def __init__(
        self,
        pool: GrpcConnectionPool,
        rooms: Iterable[str],
        settings: HealthSettings,
        replicas: Replicas,
        board: Board | None = None,
    ) -> None:
        self._pool = pool
        self._rooms = tuple(rooms)
        self._settings = settings
        self._replicas = replicas
        self._board = board
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._rechecks: dict[str, asyncio.Task[None]] = {}
        self._schedule: asyncio.Task[None] | None = None
        self._told = True
        self.watchers: list[Callable[[], None]] = []
        """Called in the loop when something may have changed."""

    def start(self) -> None:
        """Begin, unless the settings want none."""
        if self._settings.canary_s:
            self._schedule = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """End what is under way."""
        tasks = [*self._under_way.values(), *self._rechecks.values()]
        tasks += [self._schedule] if self._schedule else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def round(self) -> None:
        """One canary through each replica, now; waits for all."""
        self._send()
        await asyncio.gather(*self._under_way.values())

    async def _run(self) -> None:
        while True:
            try:
                self._send()
            except Exception:
                logger.exception("the canaries could not be sent")
            self._tell()
            await asyncio.sleep(self._settings.canary_s)

    def _send(self) -> None:
        """To all but those that have not yet answered the one before."""
        for replica, connection in list(self._connections()):
            if replica.address not in self._under_way:
                _keep(self._under_way, replica.address, self._one(replica, connection))

    def _connections(self) -> Iterator[tuple[Replica, Any]]:
        for room in self._rooms:
            replicas = self._pool._connections.get_replicas(room, True)
            for number, connection in enumerate(replicas.get_all_connections() if replicas else ()):
                if connection is not None:  # else it is being connected anew
                    yield self._replicas.of(room, connection.address, number), connection

    async def _one(self, replica: Replica, connection: Any) -> None:
        canary = await self._answer(replica, connection)
        if canary is None:
            return
        self._note(replica, canary)
        if canary.detail == UNREACHABLE and replica.address not in self._rechecks:
            _keep(self._rechecks, replica.address, self._recheck(replica))

    async def _recheck(self, replica: Replica) -> None:
        """Until the replica can be reached, or is none any more. What fails meanwhile is for the
        schedule to count."""
        while replica.detail == UNREACHABLE and replica in self._replicas:
            await asyncio.sleep(RECHECK_S)
            for known, connection in self._connections():
                if known is replica:
                    canary = await self._answer(replica, connection)
                    if canary is not None and canary.detail != UNREACHABLE:
                        self._note(replica, canary)

    def _note(self, replica: Replica, canary: Canary) -> None:
        replica.note(canary)
        attributes = {"room": replica.room}
        CANARIES.add(1, {**attributes, "result": canary.result})
        if canary.result == "ok":
            CANARY_SECONDS.record(canary.milliseconds / 1_000, attributes)
        for changed in self.watchers:
            changed()
        self._tell()

    async def _answer(self, replica: Replica, connection: Any) -> Canary | None:
        """What came of it; None if nothing can be said. `milliseconds` is the whole way."""
        bound = self._settings.canary_timeout_s + GRACE_S
        started = time.perf_counter()
        try:
            async with asyncio.timeout(bound):
                canary = await self._asked(replica.room, connection)
        except TimeoutError:
            if time.perf_counter() - started > bound + LATE_S:
                return None
            canary = Canary(result="timeout", detail=f"no answer for {bound:g} s")
        except AioRpcError as error:
            canary = Canary(result="failed", detail=f"no answer: {error.code().name}")
            if error.code() is StatusCode.UNAVAILABLE:
                canary.detail = UNREACHABLE
                await self._connect_anew(replica)
        canary.milliseconds = round((time.perf_counter() - started) * 1_000, 3)
        return canary

    async def _asked(self, room: str, connection: Any) -> Canary:
        request = DataRequest()
        request.document_array_cls = DocList[Canary]
        request.data.docs = DocList[Canary]([Canary(room=room)])
        request.header.exec_endpoint = ENDPOINT
        answer, _ = await connection.send_requests(
            requests=[request],
            metadata=(("endpoint", ENDPOINT),),
            compression=self._pool.compression,
        )
        if answer.status.code == jina_pb2.StatusProto.ERROR:
            lines = answer.status.description.strip().splitlines() or ["an error"]
            return Canary(result="failed", detail=lines[0][:200])
        answer.document_array_cls = DocList[Canary]
        found: Canary = answer.data.docs[0]
        return found

    async def _connect_anew(self, replica: Replica) -> None:
        """gRPC would wait for longer with each failure before it tries again."""
        replicas = self._pool._connections.get_replicas(replica.room, True)
        if replicas is not None:
            await replicas.reset_connection(replica.address, replica.room)

    def _tell(self) -> None:
        """Tell the supervisor; that it cannot be told is said once."""
        if self._board is None:
            return
        try:
            self._board.tell_health(Health(self._replicas.seen()))
        except OSError as error:
            if self._told:
                logger.error("the supervisor cannot be told how the rooms are: %s", error)
            self._told = False
        else:
            self._told = True


def _keep(
    tasks: dict[str, asyncio.Task[None]], address: str, work: Coroutine[Any, Any, None]
) -> None:
    """Do the work in a task that stays in `tasks` until it ends."""
    task = tasks[address] = asyncio.ensure_future(work)
    task.add_done_callback(lambda _: tasks.pop(address, None))
