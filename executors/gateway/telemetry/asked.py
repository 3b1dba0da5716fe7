"""One request, whatever its protocol: counted once, when it is answered or refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.trace import SpanContext

from adjudicate.errors import AdjudicateError, Code
from executors.gateway.telemetry.codes import CODES
from executors.gateway.telemetry.request_lines import log_request
from executors.shared.telemetry.catalogue import OK, REQUEST_SECONDS, REQUESTS

NOWHERE = "none"
"""The endpoint of a request that was refused before it came to one."""
UNKNOWN = "unknown"


@dataclass(slots=True)
class Asked:
    """What is known of a request so far."""

    protocol: str
    """`grpc`, `http` or `ws`."""
    endpoint: str = NOWHERE
    """`/review` and the like; a name that the service does not have is `unknown`."""
    caller: str = ""
    """The caller's id, which is no secret; empty for one that the door has not seen."""
    code: str = OK
    detail: str = ""
    """What the refusal says to the caller."""
    span: SpanContext = field(default_factory=lambda: trace.get_current_span().get_span_context())
    """The gateway's own of this request, recorded or not; invalid where there is none."""
    counts: bool = True
    """False for probes and pages, and for who left before there was an answer."""
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    """How long it took, once it is over."""

    def refused(self, error: AdjudicateError) -> None:
        """Note why it gets no answer."""
        self.code, self.detail = str(error.code), error.detail

    def entered(self, endpoint: str) -> None:
        """Note where it goes, at the door. Of several steps the first is the request's."""
        if self.endpoint == NOWHERE:
            self.endpoint = endpoint


ASKED: ContextVar[Asked | None] = ContextVar("asked", default=None)
"""The request that is at work; None for the gateway's own questions to its rooms."""


@contextmanager
def asked(protocol: str) -> Iterator[Asked]:
    """Around one request. What ends it is counted: an `AdjudicateError` as its code, any other
    exception as `internal`; one that is cancelled has no answer and is not."""
    request = Asked(protocol)
    token = ASKED.set(request)
    try:
        yield request
    except AdjudicateError as error:
        request.refused(error)
        raise
    except Exception:
        request.code = Code.INTERNAL.value
        raise
    except BaseException:
        request.counts = False
        raise
    finally:
        ASKED.reset(token)
        if request.counts:
            _count(request)


def refused_unasked(protocol: str, error: AdjudicateError) -> None:
    """Count what was refused before it was a request: a call or handshake without a key."""
    _count(Asked(protocol, code=str(error.code), detail=error.detail))


def _count(request: Asked) -> None:
    where = {"protocol": request.protocol, "endpoint": request.endpoint}
    CODES.add(request.code)
    REQUESTS.add(1, {**where, "code": request.code})
    request.seconds = time.perf_counter() - request.started
    REQUEST_SECONDS.record(request.seconds, where, request.span)
    log_request(request)
