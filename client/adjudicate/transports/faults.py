"""What went wrong, told in the same words on all three protocols."""

from __future__ import annotations

from typing import Any

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError, ServiceError
from adjudicate.transports.address import Address


def fault(code: Code, detail: str = "") -> AdjudicateError:
    """The error for a code: the request's below status 500, the service's from there on."""
    kind = ServiceError if STATUS[code].http >= 500 else RequestError
    return kind(code, detail)


def known_code(text: object) -> Code | None:
    """The code of that name, if it is one."""
    return Code(text) if isinstance(text, str) and text in set(Code) else None


def from_text(text: str) -> AdjudicateError | None:
    """The error that a description `code: detail` stands for; None for any other text."""
    head, _, detail = text.partition(":")
    code = known_code(head.strip())
    return None if code is None else fault(code, detail.strip())


def from_status(status: int, body: Any) -> AdjudicateError:
    """The error of an HTTP status and, where there is one, its problem document (RFC 9457)."""
    problem = body if isinstance(body, dict) else {}
    detail = str(problem.get("detail") or problem.get("title") or "")
    code = known_code(problem.get("code"))
    if code is None:
        code = {404: Code.NOT_FOUND, 413: Code.REQUEST_TOO_LARGE}.get(status)
    if code is None and status in (502, 503):
        code = Code.ROOM_UNAVAILABLE
    if code is None and status == 504:
        code = Code.DEADLINE_EXCEEDED
    if code is None:
        code = Code.INTERNAL if status >= 500 else Code.MALFORMED
        detail = detail or f"The service answered with status {status}."
    return fault(code, detail)


def unreachable(address: Address) -> ServiceError:
    """Nothing listens there. Says what to do."""
    return ServiceError(
        Code.ROOM_UNAVAILABLE,
        f"Nothing answers at {address.url}; start the service with `adjudicate up`, "
        "or give another URL.",
    )


def interrupted(address: Address) -> ServiceError:
    """The connection was there and broke."""
    return ServiceError(Code.ROOM_UNAVAILABLE, f"The connection to {address.url} broke.")
