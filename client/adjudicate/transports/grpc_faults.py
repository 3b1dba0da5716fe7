"""A failed gRPC call as our error: by its `google.rpc.Status`, its text, or its status alone.

`ErrorInfo` says the code and `RetryInfo` how long to wait (github.com/googleapis/googleapis,
google/rpc/error_details.proto); a response of Jina's own says `code: detail` in its status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from adjudicate.errors import AdjudicateError, Code, ServiceError, fault
from adjudicate.transports.address import Address
from adjudicate.transports.faults import (
    from_text,
    interrupted,
    known_code,
    seconds_to_wait,
    unreachable,
    untrusted,
)

_DETAILS = "grpc-status-details-bin"
_RETRY_AFTER, _TRACE_ID = "retry-after", "adjudicate-trace-id"
_TLS = re.compile(r"handshak|certificate|ssl_error|hostname verification|peer name|tsi_", re.I)
_REASON = re.compile(r"CERTIFICATE_VERIFY_FAILED: ([\w ]+)|(Hostname Verification Check failed)")
_CODES = {
    grpc.StatusCode.DEADLINE_EXCEEDED: Code.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Code.REQUEST_TOO_LARGE,
    grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT: Code.MALFORMED,
    grpc.StatusCode.UNIMPLEMENTED: Code.METHOD_NOT_ALLOWED,
    grpc.StatusCode.UNAUTHENTICATED: Code.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: Code.FORBIDDEN,
    grpc.StatusCode.UNAVAILABLE: Code.ROOM_UNAVAILABLE,
}

Metadata = Iterable[tuple[str, Any]] | None


def from_call(error: grpc.aio.AioRpcError, address: Address) -> AdjudicateError:
    """The error of a call that failed."""
    details = error.details() or ""
    metadata = error.trailing_metadata()
    trace_id = _first(metadata, _TRACE_ID)
    known = _from_status(metadata) or from_text(details, _retry_after(metadata), trace_id)
    if known is not None:
        return known
    # Jina's gateway puts its own name first when it is a room that does not answer.
    if error.code() == grpc.StatusCode.UNAVAILABLE and not details.startswith("|"):
        if address.tls and _TLS.search(details):
            reason = _REASON.search(details)
            return untrusted(address, (reason[1] or reason[2]) if reason else "")
        dialled = ("connect" in details or "DNS" in details) and "Socket closed" not in details
        return unreachable(address) if dialled else interrupted(address)
    code = _CODES.get(error.code(), Code.INTERNAL)
    return fault(code, details, retry_after=_retry_after(metadata))


def from_response(description: str, metadata: Metadata) -> AdjudicateError:
    """The error of a response that says `ERROR`, in a call that went well."""
    known = from_text(description, _retry_after(metadata), _first(metadata, _TRACE_ID))
    return known or ServiceError(Code.INTERNAL, description)


def _from_status(metadata: Metadata) -> AdjudicateError | None:
    packed, trace_id = _first(metadata, _DETAILS), _first(metadata, _TRACE_ID)
    if packed is None:
        return None
    code: Code | None = None
    wait: float | None = None
    try:
        status = status_pb2.Status.FromString(packed)
        for detail in status.details:
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                code = known_code(info.reason)
            elif detail.Unpack(retry):
                wait = retry.retry_delay.ToTimedelta().total_seconds()
    except DecodeError:  # not a `google.rpc.Status`: the call's own text is left
        return None
    said = from_text(status.message)
    if code is None:
        if said is None:
            return None
        return fault(said.code, said.detail, retry_after=wait, trace_id=trace_id)
    detail = said.detail if said is not None and said.code is code else status.message
    return fault(code, detail, retry_after=wait, trace_id=trace_id)


def _retry_after(metadata: Metadata) -> float | None:
    return seconds_to_wait(_first(metadata, _RETRY_AFTER))


def _first(metadata: Metadata, wanted: str) -> Any:
    return next((value for name, value in metadata or () if name == wanted), None)
