"""Requests to a server: each with its time-out, its retries, and the breaker around every try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import openai
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from executors.judge.breaker import Breaker
from executors.judge.server.errors import CallFailed, garbage, of_status, timed_out, unreachable
from executors.judge.server.reply import Reply, read
from executors.shared.settings import JudgeSettings

_JITTER = wait_random_exponential(multiplier=0.25, max=8)
"""Seconds before the next try: anything up to 0.25, 0.5, 1 … (full jitter)."""


@dataclass
class Counts:
    """Since the start."""

    requests: int = 0
    retries: int = 0
    failures: int = 0


class Calls:
    """Belongs to one event loop."""

    def __init__(self, settings: JudgeSettings, breaker: Breaker) -> None:
        self._breaker = breaker
        self._timeout = settings.request_timeout_s
        self._tries = settings.max_retries + 1
        self._key = settings.api_key.get_secret_value()
        self.counts = Counts()
        self._client = openai.AsyncOpenAI(
            base_url=settings.url,
            api_key=self._key or "none",
            max_retries=0,  # tenacity's are the only ones
            timeout=self._timeout,
            http_client=httpx.AsyncClient(
                timeout=self._timeout,
                limits=httpx.Limits(max_connections=settings.concurrency),
                # Pictures go to the server that was named, and to no other that it names.
                follow_redirects=False,
            ),
        )

    async def ask(self, request: Mapping[str, Any], deadline: float | None) -> Reply:
        """One chat completion; no retry is waited for that would come past `deadline`.

        Raises `CallFailed` when the last try failed, `JudgeUnavailable` when the breaker is open.
        """

        def too_late(state: RetryCallState) -> bool:
            wait = state.upcoming_sleep
            return wait > self._timeout or (deadline is not None and time.time() + wait >= deadline)

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallFailed) and error.retry),
            stop=lambda state: stop_after_attempt(self._tries)(state) or too_late(state),
            wait=_pause,
            before_sleep=self._count_retry,
            reraise=True,
        )
        reply: Reply = await retrying(self._try, request)
        return reply

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    async def _try(self, request: Mapping[str, Any]) -> Reply:
        with self._breaker.attempt():
            self.counts.requests += 1
            try:
                return read(await self._send(request))
            except CallFailed:
                self.counts.failures += 1
                raise

    async def _send(self, request: Mapping[str, Any]) -> Any:
        """Errors are raised `from None`: those of the package hold the request and its headers."""
        try:
            # The package's time-out is for each read; an answer that drips in must end as well.
            async with asyncio.timeout(self._timeout):
                return await self._client.chat.completions.create(**request)
        except (TimeoutError, openai.APITimeoutError):
            raise timed_out(self._timeout) from None
        except openai.APIConnectionError:
            raise unreachable() from None
        except openai.APIStatusError as error:
            raise of_status(error, self._hide) from None
        except (openai.APIError, ValueError) as error:  # a body that is not JSON is a ValueError
            raise garbage(type(error).__name__) from None

    def _hide(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text

    def _count_retry(self, _: RetryCallState) -> None:
        self.counts.retries += 1


def _pause(state: RetryCallState) -> float:
    """Seconds to the next try: as the server asks, and some more, so that not all come at once."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.after if isinstance(error, CallFailed) else 0.0
    return asked + float(_JITTER(state))
