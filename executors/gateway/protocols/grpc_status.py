"""Refusals over gRPC: `google.rpc.Status` with our stable code in its details.

A call that is refused as a whole is aborted with the canonical status of its code; the details are
`ErrorInfo(reason=code, domain="adjudicate")` and, where waiting helps, `RetryInfo`. Any gRPC client
reads them, in Python by `grpc_status.rpc_status.from_call(error)`.

A single request of a Jina client is refused in its response instead (`routing.rooms`), since one
stream carries many. Where such a request is a call of its own the same is in the trailing metadata
as well, under names of our own: to gRPC that call went well, and `grpc-status-details-bin` belongs
to calls that did not.
"""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.errors import STATUS, AdjudicateError, Code, fault
from executors.gateway.protocols.problems import retry_after_of
from executors.gateway.telemetry.asked import refused_unasked
from executors.shared.telemetry.tracing import current_trace_id

DOMAIN = "adjudicate"
DETAILS = "grpc-status-details-bin"
CODE, RETRY_AFTER, STATUS_BIN = "adjudicate-code", "retry-after", "adjudicate-status-bin"
TRACE_ID = "adjudicate-trace-id"

Metadata = tuple[tuple[str, str | bytes], ...]


def status_of(error: AdjudicateError) -> status_pb2.Status:
    """The error as a `google.rpc.Status`. Its message is `code: detail`."""
    canonical: grpc.StatusCode = grpc.StatusCode[STATUS[error.code].grpc]
    status = status_pb2.Status(code=canonical.value[0], message=str(error))
    info = error_details_pb2.ErrorInfo(reason=str(error.code), domain=DOMAIN)
    if trace_id := current_trace_id():
        info.metadata["trace_id"] = trace_id
    status.details.add().Pack(info)
    seconds = error.retry_after if error.retry_after is not None else retry_after_of(error)
    if seconds is not None:
        delay = Duration()
        delay.FromMilliseconds(round(seconds * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


async def abort(context: Any, error: AdjudicateError) -> NoReturn:
    """End a call of a `grpc.aio` server with the error."""
    refused_unasked("grpc", error)
    status = status_of(error)
    await context.abort(
        grpc.StatusCode[STATUS[error.code].grpc],
        status.message,
        trailing_metadata=((DETAILS, status.SerializeToString()), *_readable(error)),
    )
    raise AssertionError("abort returns to nobody")


def tell(context: Any, response: DataRequest) -> None:
    """Put what a refusing response says at the end of its call as well. Others have nothing."""
    error = refused(response)
    if error is not None and context is not None:
        packed = status_of(error).SerializeToString()
        context.set_trailing_metadata((*_readable(error), (STATUS_BIN, packed)))


def refused(response: DataRequest) -> AdjudicateError | None:
    """The error that a response says; None where it says none."""
    status = response.header.status
    if status.code != jina_pb2.StatusProto.ERROR:
        return None
    head, _, detail = status.description.partition(": ")
    said = dict(arg.partition(": ")[::2] for arg in status.exception.args[1:])
    wait = said.get(RETRY_AFTER)
    code = Code(head) if head in set(Code) else Code.INTERNAL
    return fault(code, detail, retry_after=float(wait) if wait else None)


def _readable(error: AdjudicateError) -> Metadata:
    """For who has no decoder at hand: the code, the trace id, and the seconds to wait."""
    seconds = retry_after_of(error)
    waits = () if seconds is None else ((RETRY_AFTER, str(seconds)),)
    trace_id = current_trace_id()
    traces = ((TRACE_ID, trace_id),) if trace_id else ()
    return ((CODE, str(error.code)), *traces, *waits)
