"""The code of a refusal over gRPC: where any client of gRPC looks, and where Jina's does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from docarray import DocList
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from jina import Client
from jina.excepts import BadServer
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, Decision
from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError, ServiceError
from executors.gateway.protocols.grpc_status import (
    CODE,
    DOMAIN,
    RETRY_AFTER,
    STATUS_BIN,
    abort,
    refused,
    status_of,
    tell,
)
from executors.gateway.routing.rooms import refusal


def unpacked(status: status_pb2.Status) -> tuple[str, str, float | None]:
    """Reason, domain, and seconds to wait."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    waits = len(status.details) > 1 and status.details[1].Unpack(retry)
    return info.reason, info.domain, retry.retry_delay.ToNanoseconds() / 1e9 if waits else None


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_its_status_and_its_details(code: Code) -> None:
    status = status_of(AdjudicateError(code, "because"))
    assert status.code == grpc.StatusCode[STATUS[code].grpc].value[0]
    assert status.message == f"{code}: because"
    assert unpacked(status)[:2] == (code, DOMAIN)


def test_the_wait_is_told_exactly_and_only_where_waiting_helps() -> None:
    assert unpacked(status_of(RequestError(Code.RATE_LIMITED, retry_after=1.25)))[2] == 1.25
    assert unpacked(status_of(ServiceError(Code.OVERLOADED)))[2] == 2
    assert unpacked(status_of(RequestError(Code.FORBIDDEN)))[2] is None


@pytest.mark.parametrize(
    "error",
    [
        RequestError(Code.RATE_LIMITED, "slowly: please", retry_after=1.5),
        ServiceError(Code.ROOM_UNAVAILABLE),
    ],
)
def test_a_refusing_response_is_read_back_as_it_was(error: AdjudicateError) -> None:
    found = refused(refusal(DataRequest(), error))
    assert isinstance(found, type(error))
    assert (found.code, found.detail) == (error.code, error.detail)
    assert found.retry_after == error.retry_after
    assert refused(DataRequest()) is None


class Servicer:
    """Refuses by the endpoint: `/abort` as a whole, others in the response."""

    error = RequestError(Code.RATE_LIMITED, "60 a minute", retry_after=2.5)

    async def process_single_data(self, request: DataRequest, context: Any) -> DataRequest:
        if request.header.exec_endpoint == "/abort":
            await abort(context, self.error)
        response = refusal(request, self.error)
        if request.header.exec_endpoint == "/fine":
            response = request
        tell(context, response)
        return response

    async def Call(self, requests: Any, context: Any) -> AsyncIterator[DataRequest]:
        async for request in requests:
            yield refusal(request, self.error)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = grpc.aio.server()
    servicer = Servicer()
    jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(servicer, server)
    jina_pb2_grpc.add_JinaRPCServicer_to_server(servicer, server)
    found = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield found
    await server.stop(None)


def request_of(endpoint: str) -> DataRequest:
    request = DataRequest()
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad]([Ad(text="x")])
    request.header.exec_endpoint = endpoint
    return request


async def test_an_aborted_call_tells_any_client_its_code_in_the_details(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.process_single_data(request_of("/abort"))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(raised.value)
    assert status is not None
    assert unpacked(status) == ("rate_limited", "adjudicate", 2.5)
    assert (raised.value.trailing_metadata() or {})[CODE] == "rate_limited"


async def test_a_refused_request_of_its_own_tells_its_code_in_the_response_and_beside_it(
    port: int,
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
        call = stub.process_single_data(request_of("/review"))
        response = await call
        beside = await call.trailing_metadata()
        fine = stub.process_single_data(request_of("/fine"))
        await fine
        assert CODE not in await fine.trailing_metadata()
    assert response.header.status.code == jina_pb2.StatusProto.ERROR
    assert response.header.status.description == "rate_limited: 60 a minute"
    assert (beside[CODE], beside[RETRY_AFTER]) == ("rate_limited", "3")
    assert unpacked(status_pb2.Status.FromString(beside[STATUS_BIN]))[0] == "rate_limited"


@pytest.mark.parametrize("stream", [True, False])
async def test_jinas_own_client_understands_a_refusal_in_a_stream_and_alone(
    port: int, stream: bool
) -> None:
    client = Client(port=port, asyncio=True)
    refusals: list[Any] = []
    answers = client.post(
        "/review",
        DocList[Ad]([Ad(text="x")]),
        return_type=DocList[Decision],
        on_error=refusals.append,
        stream=stream,
    )
    assert [len(docs) async for docs in answers] in ([0], [])
    assert refusals[0].header.status.description.startswith("rate_limited")
    with pytest.raises(BadServer, match="rate_limited"):
        async for _ in client.post("/review", DocList[Ad]([Ad(text="x")]), stream=stream):
            pass
