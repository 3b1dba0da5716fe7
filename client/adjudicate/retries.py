"""When a request is sent again, and how long after."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from adjudicate.errors import AdjudicateError, CertificateError, Code

T = TypeVar("T")

AWAY = frozenset({Code.ROOM_UNAVAILABLE, Code.SHUTTING_DOWN})
"""The request may have been worked on: it is repeated only where that is safe."""
REFUSED_EARLY = frozenset({Code.RATE_LIMITED, Code.OVERLOADED})
"""The request was turned away at the door: nothing of it was done."""
JITTER = 0.25
"""Clients that are told to come back in so many seconds must not all come at once."""

_BACKOFF = wait_random_exponential(multiplier=0.2, max=5)


class Retrying:
    """The attempts of one exchange. `last` is what the service said last, if it failed."""

    def __init__(self, retries: int, until: float | None, codes: frozenset[Code]) -> None:
        self.last: AdjudicateError | None = None
        self._until = until
        self._codes = codes
        self._attempts = AsyncRetrying(
            retry=retry_if_exception(self._again),
            stop=stop_after_attempt(retries + 1),
            wait=_wait,
            reraise=True,
        )

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer. Raises the last attempt's error."""

        async def attempt() -> T:  # tenacity awaits only what is a coroutine function
            try:
                return await call()
            except AdjudicateError as error:
                self.last = error
                raise

        return await self._attempts(attempt)

    def _again(self, error: BaseException) -> bool:
        if not isinstance(error, AdjudicateError) or error.code not in self._codes:
            return False
        if isinstance(error, CertificateError):
            return False
        wait = error.retry_after or 0.0
        return self._until is None or time.monotonic() + wait < self._until


def retrying(retries: int, until: float | None, *, repeat: bool) -> Retrying:
    """`until`, of `time.monotonic`, is when the answer is worth nothing any more: an error that
    asks for a longer wait is final at once."""
    return Retrying(retries, until, REFUSED_EARLY | AWAY if repeat else REFUSED_EARLY)


def _wait(state: RetryCallState) -> float:
    """Seconds: random and growing, and never less than the service said."""
    error = state.outcome.exception() if state.outcome is not None else None
    told = getattr(error, "retry_after", None)
    backoff = _BACKOFF(state)
    if told is None:
        return backoff
    spread = random.uniform(0, JITTER)  # noqa: S311 - keeps callers apart, hides nothing
    return max(backoff, told * (1 + spread))
