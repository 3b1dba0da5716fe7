"""A report's parts from every process: of each replica of each room, and of the gateway itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from docarray import DocList
from grpc.aio import AioRpcError
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.serve.networking import GrpcConnectionPool
from jina.types.request.data import DataRequest

from adjudicate.documents import Problem, RoomReport
from adjudicate.errors import AdjudicateError, Code, RequestError
from adjudicate.report.parts import Part
from adjudicate.report.window import Window
from executors.gateway.routing.replicas import ask_each
from executors.gateway.routing.times import AdTimes
from executors.shared.reporting import report_of
from executors.shared.telemetry.samples import Samples

ENDPOINT, DECISIONS = "/report", "/report/decisions"
LEDGER = "ledger"
WAIT_S = 30.0
"""For one room: a report goes out without those that take longer."""

logger = logging.getLogger(__name__)


class Reports:
    """Asks all for what they tell of a window."""

    def __init__(
        self,
        pool: GrpcConnectionPool,
        rooms: Sequence[str],
        times: AdTimes,
        samples: Samples | None = None,
    ) -> None:
        """`samples`: of the gateway's own process."""
        self._pool = pool
        self._rooms = rooms
        self._times = times
        self.samples = samples

    async def answer(self, request: DataRequest) -> DataRequest:
        """A `RoomReport` of each process: the gateway's first, then the rooms' in their order, with
        what the ledger has recorded last. One that does not answer has a problem instead.

        Raises `RequestError` for a window that is none.
        """
        window = _window(request)
        asked = RoomReport(since=window.since.isoformat(), until=window.until.isoformat())
        found = await asyncio.gather(
            self._own(asked, window),
            *(self._room(room, asked) for room in self._rooms),
            _within(LEDGER, lambda: self._recorded(asked), "decisions"),
        )
        answer = DataRequest()
        answer.header.request_id = request.header.request_id
        answer.header.exec_endpoint = ENDPOINT
        answer.document_array_cls = DocList[RoomReport]
        answer.data.docs = DocList[RoomReport]([report for part in found for report in part])
        return answer

    async def _own(self, asked: RoomReport, window: Window) -> list[RoomReport]:
        answered = self._times.answering(window)  # here, where no ad is being noted meanwhile

        def tell(window: Window) -> Part:
            measured = self.samples.measured(window) if self.samples else None
            return Part(measured=measured, answered=answered())

        return [await asyncio.to_thread(report_of, asked, "gateway", 0, tell)]

    async def _room(self, room: str, asked: RoomReport) -> list[RoomReport]:
        async def ask() -> DataRequest:
            return await ask_each(self._pool, _request(asked, ENDPOINT), room, ENDPOINT, RoomReport)

        return await _within(room, ask)

    async def _recorded(self, asked: RoomReport) -> DataRequest:
        result = await self._pool.send_requests_once(
            requests=[_request(asked, DECISIONS)], deployment=LEDGER, head=True, endpoint=DECISIONS
        )
        if isinstance(result, BaseException):
            raise result
        answer: DataRequest = result[0]
        return answer


async def _within(
    room: str, ask: Callable[[], Awaitable[DataRequest]], about: str = "process"
) -> list[RoomReport]:
    """What the room tells, or what kept it from that."""

    def missing(code: Code, detail: str) -> list[RoomReport]:
        return [RoomReport(about=about, room=room, problem=Problem(code=code, detail=detail))]

    try:
        async with asyncio.timeout(WAIT_S):
            answer = await ask()
    except TimeoutError:
        return missing(Code.DEADLINE_EXCEEDED, f"no answer within {WAIT_S:g} s")
    except (AdjudicateError, AioRpcError, InternalNetworkError) as error:
        logger.info("the %s gives no report: %s", room, error)
        return missing(Code.ROOM_UNAVAILABLE, f"the {room} is not answering")
    if answer.status.code == jina_pb2.StatusProto.ERROR:
        logger.warning("the %s failed at a report: %s", room, answer.status.description)
        return missing(Code.INTERNAL, f"the {room} failed at it")
    answer.document_array_cls = DocList[RoomReport]
    reports = list(answer.data.docs)
    for report in reports:
        report.room = report.room or room  # a replica that does not answer says nothing
    return reports


def _window(request: DataRequest) -> Window:
    request.document_array_cls = DocList[RoomReport]
    asked = list(request.data.docs)
    if len(asked) != 1:
        raise RequestError(Code.MALFORMED, f"{ENDPOINT} takes one window")
    (said,) = asked
    try:
        return Window.of(said.window, said.since, said.until, now=datetime.now(UTC))
    except ValueError as error:
        raise RequestError(Code.MALFORMED, str(error)) from None


def _request(asked: RoomReport, endpoint: str) -> DataRequest:
    request = DataRequest()
    request.document_array_cls = DocList[RoomReport]
    request.data.docs = DocList[RoomReport]([asked])
    request.header.exec_endpoint = endpoint
    return request
