"""How a request goes through the rooms, and what its refusals look like on every protocol."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

from docarray import BaseDoc, DocList
from grpc import StatusCode
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.serve.runtimes.gateway.streamer import GatewayStreamer
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, AuditDeed, Decision, RoomStatus
from adjudicate.errors import AdjudicateError, Code, RequestError, ServiceError
from executors.gateway.caller import PROTOCOL, SERVICE
from executors.gateway.door import INTERNAL, NEEDS, Door
from executors.gateway.fetch.fetching import Fetching
from executors.gateway.routing.endpoints import (
    DIRECT,
    EACH_REPLICA,
    REVIEW,
    ROOMS,
    TAKES_ADS,
    TAKES_PARAMETERS,
    UNKNOWN,
)
from executors.gateway.routing.graph import RoomGraph
from executors.gateway.routing.keeping import Keeping
from executors.gateway.routing.noting import NOTED, Fact, deeds
from executors.gateway.routing.pictures import documents
from executors.gateway.routing.replicas import ask_each, count_replicas
from executors.gateway.routing.reports import Reports
from executors.gateway.routing.settling import Settling
from executors.gateway.routing.signing import SIGNED, VERDICT, name_caller, sign
from executors.gateway.routing.statuses import Health, status_of
from executors.gateway.routing.timing import ARRIVED
from executors.gateway.routing.tracing import traced
from executors.gateway.telemetry.asked import asked
from executors.gateway.telemetry.tracing import NOISE, refused, request_span
from executors.shared.pictures import PictureStore
from executors.shared.telemetry.tracing import current_trace_id, room_form

Doc = TypeVar("Doc", bound=BaseDoc)

logger = logging.getLogger(__name__)


class Rooms:
    """The one way from any protocol into the rooms.

    It takes the place of the streamer's request handler, so that gRPC, Jina's WebSocket and our
    own routes meet the same limits, the same routing and the same codes.
    """

    def __init__(
        self, streamer: GatewayStreamer, max_ads: int, patience: Mapping[str, float], door: Door
    ) -> None:
        """`patience`: see `RoomGraph`. Nothing reaches a room but through `door`."""
        self.door = door
        self.fetching: Fetching | None = None
        """Where pictures come from that ads name by URL; None: from nowhere."""
        self.health: Health | None = None
        """What is known from canaries; None: they are not sent."""
        self.settling: Settling | None = None
        """The gateway's part in what people settle; None: it has none."""
        self._pool = streamer._connection_pool
        count = partial(count_replicas, self._pool)
        self._flow = RoomGraph(streamer.topology_graph, self._pool, patience, count)
        self.reports = Reports(self._pool, ROOMS, self._flow.times)
        self._max_ads = max_ads
        streamer._streamer._request_handler = self.handle

    def keep_pictures(self, store: PictureStore, keep: str) -> None:
        """From now on keep the pictures of reviewed ads; `keep`: of which."""
        self._flow.keeping = Keeping(store, keep) if keep != "none" else None

    def handle(
        self, request: DataRequest, return_type: Any = DocList
    ) -> tuple[asyncio.Future[DataRequest], None]:
        """Jina's signature of a request handler: a future of the response, and no floating one.

        The streams of `limits` ask `answer` themselves. This stands where Jina's own handler would
        lead past the door.
        """
        return asyncio.ensure_future(self.answer(request)), None

    async def post(
        self,
        endpoint: str,
        docs: DocList[Any],
        answers: type[Doc],
        *,
        parameters: dict[str, Any] | None = None,
        room: str = "",
    ) -> DocList[Any]:
        """Send documents to an endpoint and return its answers as `DocList[answers]`.

        Raises `RequestError` when the request is refused, `ServiceError` when a room is down.
        """
        request = DataRequest()
        request.document_array_cls = DocList[docs.doc_type]
        request.data.docs = docs
        request.header.exec_endpoint = endpoint
        request.header.target_executor = room
        if parameters:
            request.parameters = parameters
        response = await self._dispatch(request)
        response.document_array_cls = DocList[answers]
        return response.data.docs

    async def review(self, ads: DocList[Ad]) -> DocList[Decision]:
        """Ads through the whole Flow, in order."""
        return await self.post(REVIEW, ads, Decision)

    async def status(self) -> list[RoomStatus]:
        """What every room says of itself; one that does not answer is not ready."""

        async def ask(room: str) -> RoomStatus:
            try:
                found = await self.post(
                    "/status", DocList[RoomStatus]([RoomStatus(room=room)]), RoomStatus, room=room
                )
                return found[0]
            except AdjudicateError as error:
                return RoomStatus(room=room, ready=False, facts={"problem": error.detail})

        async with self.door.enter("/status", 1):
            return list(await asyncio.gather(*(ask(room) for room in ROOMS)))

    async def note(self, what: str, subject: str, facts: Mapping[str, Fact]) -> None:
        """Put what the caller of the current context did into the audit trail. Never raises: what
        could not be noted is in the log instead."""
        await self._note([AuditDeed(what=what, subject=subject, facts=json.dumps(dict(facts)))])

    async def _note(self, done: Sequence[AuditDeed]) -> None:
        if not done:
            return
        who = self.door.who()
        for deed in done:
            deed.by = who.id if who is not None else SERVICE.id
        request = DataRequest()
        request.document_array_cls = DocList[AuditDeed]
        request.data.docs = DocList[AuditDeed](done)
        request.header.exec_endpoint = "/audit/add"
        try:
            response = await self._answered(request)
            response.document_array_cls = DocList[AuditDeed]
            problem = next((deed.problem for deed in response.data.docs if deed.problem), None)
            if problem is None:
                return
            reason = f"{problem.code}: {problem.detail}"
        except AdjudicateError as error:
            reason = str(error)
        said = [f"{deed.what} {deed.subject} by {deed.by} {deed.facts}" for deed in done]
        logger.error("not in the audit trail (%s): %s", reason, "; ".join(said))

    async def answer(
        self, request: DataRequest, admitted: Callable[[], None] | None = None
    ) -> DataRequest:
        """For Jina's own servers: a refusal is a response with an error status, not an exception,
        since an exception would end the whole stream of the client's other requests.

        `admitted` is called when the request is through the door.
        """
        endpoint = request.header.exec_endpoint
        known = endpoint if endpoint in NEEDS else UNKNOWN
        with request_span(room_form(f"gateway{known}"), recorded=known not in NOISE):
            try:
                with asked(PROTOCOL.get()):
                    if endpoint in INTERNAL:
                        raise _unknown(endpoint)
                    return await self._dispatch(request, admitted)
            except AdjudicateError as error:
                refused(error)
                return refusal(request, error)

    async def _dispatch(
        self, request: DataRequest, admitted: Callable[[], None] | None = None
    ) -> DataRequest:
        endpoint = request.header.exec_endpoint
        ARRIVED.set(time.perf_counter())
        async with self.door.enter(endpoint, len(request.data._content.docs.docs)):
            if admitted is not None:
                admitted()
            self._check(request)
            if endpoint in SIGNED:
                sign(documents(request), self.door.who())
            elif endpoint == VERDICT:
                name_caller(documents(request), self.door.who())
            if self.settling is not None:
                self.settling.check(request)
            parameters = dict(request.parameters) if endpoint in NOTED else {}
            response = await self._answered(request)
            if self.settling is not None:
                await self.settling.follow(endpoint, response)
            if endpoint in NOTED:
                await self._note(list(deeds(endpoint, parameters, documents(response))))
            return response

    async def _answered(self, request: DataRequest) -> DataRequest:
        try:
            async with self.fetching.pictures(request) if self.fetching else nullcontext():
                with traced(request) as spans:
                    response = await self._route(request)
                    spans.answered(documents(response))
        except InternalNetworkError as error:
            raise _service_error(error) from error
        if response.status.code == jina_pb2.StatusProto.ERROR:
            raise ServiceError(Code.INTERNAL, _first_line(response.status.description))
        return response

    def _route(self, request: DataRequest) -> Awaitable[DataRequest]:
        endpoint = request.header.exec_endpoint
        if endpoint == REVIEW:
            request.header.target_executor = ""
            request.parameters = {}
            return self._flow.send(request)
        if endpoint == "/status":
            room = request.header.target_executor.strip("^$")
            if room not in ROOMS:
                known = ", ".join(ROOMS)
                raise RequestError(Code.NOT_FOUND, f"/status wants a target_executor of {known}")
            return status_of(room, request, self._through(request, (room,)), self.health)
        if endpoint == "/report":
            return self.reports.answer(request)
        if endpoint in EACH_REPLICA:
            (room,) = DIRECT[endpoint]
            request.header.target_executor = ""
            request.parameters = {}
            return ask_each(self._pool, request, room, endpoint)
        if endpoint in DIRECT:
            return self._through(request, DIRECT[endpoint])
        raise _unknown(endpoint)

    async def _through(self, request: DataRequest, rooms: tuple[str, ...]) -> DataRequest:
        endpoint = request.header.exec_endpoint
        known = TAKES_PARAMETERS.get(endpoint, set())
        parameters = {name: value for name, value in request.parameters.items() if name in known}
        request.header.target_executor = ""
        for room in rooms:
            request.parameters = parameters if room == rooms[-1] else {}
            result = await self._pool.send_requests_once(
                requests=[request], deployment=room, head=True, endpoint=endpoint
            )
            if isinstance(result, BaseException):
                raise result
            request, _ = result
            if request.status.code == jina_pb2.StatusProto.ERROR:
                break
        return request

    def _check(self, request: DataRequest) -> None:
        if request.header.exec_endpoint not in TAKES_ADS:
            return
        count = len(request.data._content.docs.docs)
        if count == 0:
            raise RequestError(Code.NO_ADS)
        if count > self._max_ads:
            raise too_many_ads(count, self._max_ads)


def _unknown(endpoint: str) -> RequestError:
    return RequestError(Code.NOT_FOUND, f"there is no endpoint {endpoint[:50]!r}")


def too_many_ads(count: int, limit: int) -> RequestError:
    """The refusal of a request with more ads than one request may hold."""
    return RequestError(
        Code.TOO_MANY_ADS,
        f"{count:,} ads in one request; the limit is {limit:,}. Send them in several requests.",
    )


def _service_error(error: InternalNetworkError) -> ServiceError:
    if error.code() == StatusCode.DEADLINE_EXCEEDED:
        return ServiceError(Code.DEADLINE_EXCEEDED)
    return ServiceError(Code.ROOM_UNAVAILABLE, "A room is not answering; it is being restarted.")


def refusal(request: DataRequest, error: AdjudicateError) -> DataRequest:
    """The response that says an error."""
    response = DataRequest()
    response.header.request_id = request.header.request_id
    response.header.exec_endpoint = request.header.exec_endpoint
    response.header.status.code = jina_pb2.StatusProto.ERROR
    response.header.status.description = str(error)
    response.header.status.exception.name = type(error).__name__
    response.header.status.exception.args.append(str(error))
    if error.retry_after is not None:
        response.header.status.exception.args.append(f"retry-after: {error.retry_after:g}")
    if trace_id := current_trace_id():
        response.header.status.exception.args.append(f"trace-id: {trace_id}")
    return response


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else ""
