"""The client reads every refusal that the gateway writes over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate import AsyncClient
from adjudicate.errors import AdjudicateError, Code, error_class, fault
from executors.gateway.protocols.grpc_status import abort, tell
from executors.gateway.routing.rooms import refusal


class Refusing(jina_pb2_grpc.JinaSingleDataRequestRPCServicer):
    """Ends each call with `error`, or says it in its response."""

    error: AdjudicateError
    in_response = False

    async def process_single_data(self, request: DataRequest, context: Any) -> DataRequest:
        if not self.in_response:
            await abort(context, self.error)
        answer = refusal(request, self.error)
        tell(context, answer)
        return answer


@pytest.fixture
async def refusing() -> AsyncIterator[Refusing]:
    servicer, server = Refusing(), grpc.aio.server()
    jina_pb2_grpc.add_JinaSingleDataRequestRPCServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port("127.0.0.1:0")  # type: ignore[attr-defined]
    await server.start()
    yield servicer
    await server.stop(None)


@pytest.mark.parametrize("in_response", [False, True])
async def test_every_code_comes_back_as_its_class(refusing: Refusing, in_response: bool) -> None:
    refusing.in_response = in_response
    url = f"grpc://127.0.0.1:{refusing.port}"  # type: ignore[attr-defined]
    async with AsyncClient(url, retries=0) as client:
        for code in Code:
            refusing.error = fault(code, "why: just so", retry_after=17)
            with pytest.raises(AdjudicateError) as caught:
                await client.decisions()
            assert type(caught.value) is error_class(code)
            assert (caught.value.code, caught.value.detail) == (code, "why: just so")
            assert caught.value.retry_after == 17
