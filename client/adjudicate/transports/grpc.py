"""Over gRPC: Jina's own protocol, so that any Jina client can talk to the same port.

One channel is kept and the gateway's unary method is called on it. `jina.Client` speaks the same
but opens a channel for every call, holds one lock of the whole process while it streams (a second
client in another thread stands still), and turns errors into text.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np
from docarray import BaseDoc, DocList
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jina imports pkg_resources, which says that it is old
    from jina.proto import jina_pb2, jina_pb2_grpc
    from jina.types.request.data import DataRequest

from adjudicate.answers import Embedding, SearchResult
from adjudicate.documents import (
    Ad,
    Bank,
    Case,
    Change,
    Decision,
    Exemplar,
    Lookup,
    RoomStatus,
)
from adjudicate.errors import AdjudicateError, Code, UnavailableError, fault
from adjudicate.transports.address import Address
from adjudicate.transports.audit import GrpcAudit
from adjudicate.transports.base import Fields, Page, in_order
from adjudicate.transports.grpc_faults import from_call, from_response
from adjudicate.transports.models import GrpcModels
from adjudicate.transports.parts import sound
from adjudicate.transports.quality import GrpcQuality
from adjudicate.transports.rankings import GrpcRankings
from adjudicate.transports.records import GrpcRecords
from adjudicate.transports.reports import GrpcReports
from adjudicate.transports.thresholds import GrpcThresholds
from adjudicate.transports.tls import Tls
from adjudicate.transports.work import GrpcWork

D = TypeVar("D", bound=BaseDoc)

ROOMS = ("encoder", "library", "judge", "ledger")
_SCREEN = "^(encoder|library)$"
_LIBRARY = "^library$"
_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The client retries within seconds; gRPC's own wait before it dials again grows to minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class GrpcTransport(
    GrpcThresholds,
    GrpcRankings,
    GrpcModels,
    GrpcReports,
    GrpcQuality,
    GrpcAudit,
    GrpcRecords,
    GrpcWork,
):
    """One HTTP/2 connection to the gateway."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], tls: Tls | None = None
    ) -> None:
        self._address = address
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())
        options = [*_OPTIONS, ("grpc.enable_http_proxy", int(not address.loopback))]
        self._channel = (
            grpc.aio.secure_channel(address.target, _credentials(tls or Tls()), options)
            if address.tls
            else grpc.aio.insecure_channel(address.target, options)
        )
        self._stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(self._channel)

    async def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """All decisions of the request at once."""
        # The request's span is below the first ad's; the others have spans that link to it.
        trace = (("traceparent", ads[0].traceparent),) if ads[0].traceparent else ()
        decisions = await self._post("/review", DocList[Ad](ads), Decision, metadata=trace)
        for numbered in in_order(ads, decisions):
            yield numbered

    async def embed(self, ads: Sequence[Ad]) -> list[Embedding]:
        """Answered by the encoder alone."""
        cases = await self._post("/embed", DocList[Ad](ads), Case, rooms="^encoder$")
        return [
            Embedding(
                _ad_id(case),
                _vector(case.image_embedding),
                _vector(case.text_embedding),
                case.problem,
            )
            for case in cases
        ]

    async def search(
        self, ads: Sequence[Ad], limit: int, *, per_category: bool = False
    ) -> list[SearchResult]:
        """Answered by encoder and library."""
        parameters = {"limit": limit, **({"per_category": True} if per_category else {})}
        cases = await self._post(
            "/search", DocList[Ad](ads), Case, rooms=_SCREEN, parameters=parameters
        )
        return [
            SearchResult(_ad_id(case), list(case.matches), case.problem, dict(case.versions))
            for case in cases
        ]

    async def list_exemplars(self, page: Page) -> list[Exemplar]:
        """One page of the library."""
        return await self._library("/library/list", "", Exemplar, page.parameters())

    async def get_exemplar(self, exemplar_id: str) -> Exemplar:
        """One exemplar with its picture."""
        lookup = DocList[Lookup]([Lookup(id=exemplar_id)])
        found = await self._post(
            "/library/list", lookup, Exemplar, rooms=_LIBRARY, parameters={"image": True}
        )
        return _only(found)

    async def add_exemplars(self, exemplars: Sequence[Exemplar], dry_run: bool) -> list[Exemplar]:
        """The exemplars as the library holds them now, or would."""
        return await self._post(
            "/library/add",
            DocList[Exemplar](exemplars),
            Exemplar,
            rooms=_SCREEN,
            parameters={"dry_run": True} if dry_run else None,
        )

    async def held_exemplars(self, content_hashes: Sequence[str]) -> list[Exemplar]:
        """Those of these contents that are held."""
        asked = DocList[Lookup]([Lookup(id=content) for content in content_hashes])
        found = await self._post("/library/held", asked, Exemplar, rooms=_LIBRARY)
        return [
            sound(exemplar)
            for exemplar in found
            if exemplar.problem is None or exemplar.problem.code != Code.NOT_FOUND
        ]

    async def set_exemplar(self, exemplar_id: str, fields: Fields) -> Exemplar:
        """The exemplar as it is now."""
        return await self._library_one("/library/set", exemplar_id, Exemplar, fields)

    async def remove_exemplar(self, exemplar_id: str, said: Fields) -> None:
        """Take one exemplar out."""
        answer = await self._library_one("/library/remove", exemplar_id, Lookup, said)
        if not answer.found:
            raise fault(Code.NOT_FOUND)

    async def banks(self) -> list[Bank]:
        """Every bank."""
        return await self._library("/library/banks", "", Bank, {})

    async def switch_bank(self, name: str, fields: Fields) -> Bank:
        """The bank as it is now."""
        return await self._library_one("/library/bank", name, Bank, fields)

    async def changes(self, exemplar_id: str, limit: int, offset: int) -> list[Change]:
        """The log of one exemplar, or of all."""
        page = {"limit": limit, "offset": offset}
        return await self._library("/library/changes", exemplar_id, Change, page)

    async def _library(
        self, endpoint: str, asked: str, answer: type[D], parameters: Mapping[str, Any]
    ) -> list[D]:
        lookup = DocList[Lookup]([Lookup(id=asked)])
        found = await self._post(
            endpoint, lookup, answer, rooms=_LIBRARY, parameters=dict(parameters)
        )
        return [sound(item) for item in found]

    async def _library_one(
        self, endpoint: str, asked: str, answer: type[D], parameters: Mapping[str, Any]
    ) -> D:
        found = await self._library(endpoint, asked, answer, parameters)
        if not found:
            raise fault(Code.NOT_FOUND)
        return found[0]

    async def decision(self, decision_id: str) -> Decision:
        """One recorded decision."""
        lookup = DocList[Lookup]([Lookup(id=decision_id)])
        return _only(await self._post("/decision", lookup, Decision, rooms="^ledger$"))

    async def decisions(self, limit: int, offset: int) -> list[Decision]:
        """Recorded decisions, newest first."""
        return await self._post(
            "/decision",
            DocList[Lookup]([Lookup(id="")]),
            Decision,
            rooms="^ledger$",
            parameters={"limit": limit, "offset": offset},
        )

    async def status(self) -> list[RoomStatus]:
        """What each room says about itself; a room that does not answer is not ready."""
        answers = await asyncio.gather(*map(self._room, ROOMS), return_exceptions=True)
        faults = [answer for answer in answers if isinstance(answer, BaseException)]
        if len(faults) == len(ROOMS):
            raise faults[0]
        rooms: list[RoomStatus] = []
        for room, answer in zip(ROOMS, answers, strict=True):
            if isinstance(answer, AdjudicateError):
                said = {"problem": answer.detail}
                rooms.append(RoomStatus(room=room, ready=False, facts=said))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                rooms.append(answer)
        return rooms

    async def _room(self, room: str) -> RoomStatus:
        asked = DocList[RoomStatus]([RoomStatus(room="")])
        answers = await self._post("/status", asked, RoomStatus, rooms=f"^{room}$")
        if not answers:
            raise UnavailableError(Code.ROOM_UNAVAILABLE, f"The {room} gave no status.")
        return answers[0]

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _post(
        self,
        endpoint: str,
        docs: DocList[Any],
        answer: type[D],
        *,
        rooms: str = "",
        parameters: Mapping[str, Any] | None = None,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> list[D]:
        request = DataRequest()
        request.header.exec_endpoint = endpoint
        if rooms:
            request.header.target_executor = rooms
        if parameters:
            request.parameters = dict(parameters)
        request.data.docs = docs
        call = self._stub.process_single_data(request, metadata=self._metadata + metadata)
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            raise from_call(error, self._address) from error
        status = response.header.status
        if status.code == jina_pb2.StatusProto.ERROR:
            raise from_response(status.description, await call.trailing_metadata())
        response.document_array_cls = DocList[answer]
        return list(response.docs)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)


def _ad_id(case: Case) -> str:
    return case.ad_id or case.id or ""


def _vector(values: Any) -> NDArray[np.float32] | None:
    return None if values is None else np.asarray(values, dtype=np.float32)


def _only(found: list[Any]) -> Any:
    """The one thing asked for. Raises `RequestError` when it is not there."""
    problem = found[0].problem if found else None
    if not found or (problem is not None and problem.code == Code.NOT_FOUND):
        raise fault(Code.NOT_FOUND)
    return found[0]
