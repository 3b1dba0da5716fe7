"""What went wrong, told in the same words on all three protocols."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from adjudicate.errors import AdjudicateError, CertificateError, Code, UnavailableError, fault
from adjudicate.transports.address import Address

_STATUSES = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.REQUEST_TIMEOUT,
    413: Code.REQUEST_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    429: Code.RATE_LIMITED,
    502: Code.ROOM_UNAVAILABLE,
    503: Code.ROOM_UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
"""For answers that have no code of ours: a proxy's, say."""


def known_code(text: object) -> Code | None:
    """The code of that name, if it is one."""
    return Code(text) if isinstance(text, str) and text in set(Code) else None


def from_text(
    text: str, retry_after: float | None = None, trace_id: object = None
) -> AdjudicateError | None:
    """The error that a description `code: detail` stands for; None for any other text."""
    head, _, detail = text.partition(":")
    code = known_code(head.strip())
    if code is None:
        return None
    return fault(code, detail.strip(), retry_after=retry_after, trace_id=trace_id)


def from_status(
    status: int, body: Any, headers: Mapping[str, str] | None = None
) -> AdjudicateError:
    """The error of an HTTP status and, where there is one, its problem document (RFC 9457)."""
    problem = body if isinstance(body, dict) else {}
    detail = str(problem.get("detail") or problem.get("title") or "")
    code = known_code(problem.get("code")) or _STATUSES.get(status)
    if code is None:
        code = Code.INTERNAL if status >= 500 else Code.MALFORMED
        detail = detail or f"The service answered with status {status}."
    told = seconds_to_wait((headers or {}).get("retry-after"))
    wait = told if told is not None else seconds_to_wait(problem.get("retry_after"))
    return fault(code, detail, retry_after=wait, trace_id=problem.get("trace_id"))


def seconds_to_wait(value: object) -> float | None:
    """What a `Retry-After` says: seconds, or a date (RFC 9110, 10.2.3); None for what is neither.

    >>> seconds_to_wait("2")
    2.0
    """
    if isinstance(value, str) and not _number(value):
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        seconds = float(value)
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    return None


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def unreachable(address: Address, error: BaseException | None = None) -> UnavailableError:
    """Nothing listens there, or it does not speak TLS as we do. Says what to do."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return untrusted(address, getattr(cause, "verify_message", "") or cause.reason or "")
        if isinstance(cause, EOFError):
            return interrupted(address)
    return UnavailableError(
        Code.ROOM_UNAVAILABLE,
        f"Nothing answers at {address.url}; start the service with `adjudicate up`, "
        "or give another URL.",
    )


def untrusted(address: Address, reason: str) -> CertificateError:
    """The TLS handshake failed."""
    said = reason.strip().rstrip(".") or "the handshake failed"
    return CertificateError(
        Code.ROOM_UNAVAILABLE,
        f"TLS with {address.url} failed: {said}. `ca` names the authority of the service's "
        "certificate, `client_certificate` yours where the service wants one.",
    )


def interrupted(address: Address, error: BaseException | None = None) -> UnavailableError:
    """The connection was there and broke."""
    for cause in _causes(error):
        # TLS 1.3: that our certificate is not accepted is told after the handshake.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return untrusted(address, cause.reason or "")
    # That it misses one it does not say (TLS 1.3): it only hangs up.
    hint = " If the service wants a certificate, give `client_certificate`." if address.tls else ""
    return UnavailableError(Code.ROOM_UNAVAILABLE, f"The connection to {address.url} broke.{hint}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
