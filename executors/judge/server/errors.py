"""What can go wrong between us and a server, told apart by what to do about it."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable

import openai

from executors.judge.backend import JudgeUnavailable
from executors.judge.breaker import Fault

_MOST_SAID = 200


class CallFailed(Exception):
    """One request brought no answer. `reason` is a code; `detail` holds no secret."""

    def __init__(
        self, reason: str, detail: str = "", *, retry: bool = False, after: float = 0.0
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.retry = retry
        """Whether the same request may succeed later."""
        self.after = after
        """Seconds that the server asks to wait."""
        super().__init__(f"{reason}: {detail}" if detail else reason)

    def unavailable(self) -> JudgeUnavailable:
        """As the room knows it."""
        return JudgeUnavailable(self.reason, self.detail)


class ServerFault(CallFailed, Fault):
    """The server is down, hangs, or answers with nonsense: counts against it."""


class NotTaken(CallFailed):
    """The server understood the request and will not have it so (400, 413, 422)."""


def unreachable() -> ServerFault:
    """No connection, or one that was cut."""
    return ServerFault("server_unreachable", retry=True)


def timed_out(seconds: float) -> ServerFault:
    """No answer within the time-out."""
    return ServerFault("server_timeout", f"no answer within {seconds:g} s", retry=True)


def garbage(what: str) -> ServerFault:
    """An answer that is none: asking again would bring the same."""
    return ServerFault("server_garbage", what)


def of_status(error: openai.APIStatusError, hide: Callable[[str], str]) -> CallFailed:
    """What a status means. 408, 409, 429 and 5xx may pass; 429 and 409 are no fault of a server."""
    code = error.status_code
    after = _retry_after(error.response.headers.get("retry-after", ""))
    if code == 408 or code >= 500:
        return ServerFault("server_error", f"status {code}", retry=True, after=after)
    if code in (409, 429):
        return CallFailed("server_busy", f"status {code}", retry=True, after=after)
    if code in (400, 413, 422):
        return NotTaken("server_refused", f"status {code}: {hide(_said(error))}")
    # A 401 or 403 may quote the key, even in part.
    return CallFailed("server_refused", f"status {code}")


def _said(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body
    return " ".join(str(body or "").split())[:_MOST_SAID]


def _retry_after(header: str) -> float:
    """Seconds of a `Retry-After`, which is a number or a date (RFC 9110, 10.2.3); 0 without."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
