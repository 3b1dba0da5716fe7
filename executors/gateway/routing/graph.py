"""A request's way through the graph of flow.yml, with its documents left packed.

Jina's own walk copies the graph for each request, unpacks every document twice to keep their order
and once more for a `when`, and asks a room even if nothing is left for it: more work than all the
rooms together spend on a screened ad. This one reads the same graph and does the same otherwise,
but that a room that is not needed for a decision may fail: see optional.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jina.proto import jina_pb2
from jina.serve.networking import GrpcConnectionPool
from jina.serve.runtimes.gateway.graph.topology_graph import TopologyGraph
from jina.types.request.data import DataRequest

from adjudicate.errors import Code, ConfigurationError, ServiceError
from executors.gateway.routing.counting import count_decided
from executors.gateway.routing.keeping import Keeping
from executors.gateway.routing.merging import Merging
from executors.gateway.routing.optional import SAYS_MISSING, UNREACHABLE, Absence
from executors.gateway.routing.pictures import READERS, Pictures, chosen, documents
from executors.gateway.routing.times import AdTimes
from executors.gateway.routing.timing import ARRIVED, note_times
from executors.gateway.routing.when import condition

QUICK = frozenset({"library", "ledger"})
"""Rooms that answer within milliseconds: what waits for them meanwhile goes together."""

WINDOW_S = 0.004
"""The first room takes longer: there one request must not wait for another's answer, only for
those that come with it. The judge's few requests are not merged at all."""
FIRST_IN_FLIGHT, FIRST_MOST = 1_000, 32


CountReplicas = Callable[[str], int]


class Refused(Exception):
    """A room answered with an error: its answer is the whole request's."""

    def __init__(self, response: DataRequest) -> None:
        super().__init__(response.status.description)
        self.response = response


class _Stop:
    """One room of the graph, and the rooms that it needs."""

    def __init__(self, node: Any, pool: GrpcConnectionPool, replicas: CountReplicas) -> None:
        self.name = str(node.name)
        self.needs: list[str] = []
        self.when = condition(self.name, node._filter_condition)
        self._node = node
        self._pool = pool
        self.absence: Absence | None = None
        """Of a room that a request can do without."""
        self._merging: Merging | None = None
        if self.name in QUICK:
            self._merging = Merging(self._send, replicas=partial(replicas, self.name))

    def merge_what_comes_together(self) -> None:
        """For a first room, which the requests reach as their clients send them."""
        self._merging = Merging(
            self._send, in_flight=FIRST_IN_FLIGHT, window=WINDOW_S, most=FIRST_MOST
        )

    async def ask(self, parts: Mapping[str, DataRequest]) -> DataRequest:
        """The room's answer to what comes from the rooms that it needs.

        Raises `Refused`, or what Jina raises when the room cannot be reached; not so for a room
        that the request can do without.
        """
        if self.absence is None:
            return await self._asked(parts)
        (cases, *_) = parts.values()
        try:
            async with asyncio.timeout(self.absence.patience(cases)):
                answer = await self._asked(parts)
        except (Refused, *UNREACHABLE) as error:
            return self.absence.answer(cases, error)
        self.absence.over()
        return answer

    async def _asked(self, parts: Mapping[str, DataRequest]) -> DataRequest:
        if self._merging is not None:
            answer = await self._merging.ask(parts)
        else:
            answer = await self._send(list(parts.values()))
        if answer.status.code == jina_pb2.StatusProto.ERROR:
            raise Refused(answer)
        return answer

    async def _send(self, parts: list[DataRequest]) -> DataRequest:
        result = await self._pool.send_requests_once(
            requests=parts,
            deployment=self.name,
            metadata=self._node._metadata,
            head=True,
            endpoint=parts[0].header.exec_endpoint,
            timeout=self._node._timeout_send,
            retries=self._node._retries,
        )
        if isinstance(result, BaseException):
            raise result
        answer: DataRequest = result[0]
        return answer


class RoomGraph:
    """Sends requests through the rooms as flow.yml says.

    `patience` bounds, in seconds by room, the wait for those that a request can do without; all
    others are required. `replicas` says how many a room has now. Raises `ConfigurationError` for a
    graph that it cannot walk: a room with several needs that reduces them, a floating room, or no
    single last room.
    """

    def __init__(
        self,
        topology: TopologyGraph,
        pool: GrpcConnectionPool,
        patience: Mapping[str, float] | None = None,
        replicas: CountReplicas = lambda room: 1,
    ) -> None:
        nodes = topology.all_nodes
        rooms = [node for node in nodes if node.name != "__end_gateway__"]
        self._stops = {str(node.name): _Stop(node, pool, replicas) for node in rooms}
        last = []
        for node in rooms:
            if node.floating:
                raise ConfigurationError(f"flow.yml, {node.name}: a floating room is not served.")
            for following in node.outgoing_nodes:
                if following.name == "__end_gateway__":
                    last.append(str(node.name))
                else:
                    self._stops[following.name].needs.append(str(node.name))
        for node in rooms:
            if len(self._stops[node.name].needs) > 1 and node._reduce:
                raise ConfigurationError(
                    f"flow.yml, {node.name}: a room with several needs must have no_reduce: true."
                )
        for stop in self._stops.values():
            if not stop.needs:
                stop.merge_what_comes_together()
        if len(last) != 1:
            raise ConfigurationError(f"flow.yml: one room must be the last, not {last}.")
        self._last = last[0]
        self.times = AdTimes()
        """Of the ads that came back."""
        self.keeping: Keeping | None = None
        """What keeps the ads' pictures; None: nothing does."""
        for name, seconds in (patience or {}).items():
            if name in self._stops and self._is_optional(name):
                self._stops[name].absence = Absence(name, seconds)

    def _is_optional(self, name: str) -> bool:
        """Whether all that goes into a room goes round it as well, to wherever it leads."""
        behind = [stop for stop in self._stops.values() if name in stop.needs]
        before = self._before(name)
        return name in SAYS_MISSING and bool(behind) and all(before & {*s.needs} for s in behind)

    def _before(self, name: str) -> set[str]:
        needs = self._stops[name].needs
        return {*needs}.union(*map(self._before, needs))

    async def send(self, request: DataRequest) -> DataRequest:
        """The last room's answer, or that of the first room that answers with an error.

        Raises `InternalNetworkError` when a room cannot be reached.
        """
        walk = _Walk(self._stops, request)
        try:
            answer = await walk.through(self._last)
        except Refused as refusal:
            return refusal.response
        finally:
            walk.end()
        if answer is None:
            raise ServiceError(Code.INTERNAL, f"nothing was left for the {self._last}")
        if self.keeping is not None and answer.status.code != jina_pb2.StatusProto.ERROR:
            await self.keeping.keep(documents(request), answer)
        note_times(answer, walk.asked, ARRIVED.get() or walk.started, self.times)
        count_decided(answer)
        return answer


class _Walk:
    """One request on its way. Each room is asked once, when all that it needs has answered."""

    def __init__(self, stops: dict[str, _Stop], request: DataRequest) -> None:
        self._stops = stops
        self._request = request
        self._pictures = Pictures(request)
        self._tasks: dict[str, asyncio.Task[DataRequest | None]] = {}
        self.started = time.perf_counter()
        self.asked: dict[str, float] = {}
        """Milliseconds that each room took, as seen from here."""

    def end(self) -> None:
        """Stop what is still under way."""
        for task in self._tasks.values():
            task.cancel()

    async def through(self, name: str) -> DataRequest | None:
        """A room's answer; None when no document is for it."""
        if name not in self._tasks:
            self._tasks[name] = asyncio.ensure_future(self._visit(self._stops[name]))
        return await self._tasks[name]

    async def _visit(self, stop: _Stop) -> DataRequest | None:
        if not stop.needs:
            answer = await self._ask(stop, {"": self._request})
            self._pictures.know(answer)
            return answer
        came = await asyncio.gather(*map(self.through, stop.needs))
        parts: dict[str, DataRequest] = {}
        for name, part in zip(stop.needs, came, strict=True):
            own = None if part is None else self._for(stop, part)
            if own is not None:
                parts[name] = own
        return await self._ask(stop, parts) if parts else None

    async def _ask(self, stop: _Stop, parts: Mapping[str, DataRequest]) -> DataRequest:
        started = time.perf_counter()
        try:
            return await stop.ask(parts)
        finally:
            self.asked[stop.name] = (time.perf_counter() - started) * 1_000

    def _for(self, stop: _Stop, part: DataRequest) -> DataRequest | None:
        """What of a room's answer goes on to `stop`."""
        if stop.when is None and stop.name not in READERS:
            return part
        kept = [one for one in documents(part) if stop.when is None or stop.when(one)]
        if not kept:
            return None
        copy = chosen(part, kept)
        if stop.name in READERS:
            self._pictures.put_back(copy)
        return copy
