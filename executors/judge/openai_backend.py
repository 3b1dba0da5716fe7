"""A judge behind any OpenAI-compatible chat server: vLLM, SGLang, xinference, lmdeploy.

An ad costs one short request, whose first tokens are the verdict, and a second one for the written
answer only where the verdict calls for it. Rules stand first in both, so that the server's prefix
cache has them. The server batches; here no more than `concurrency` ads are under way.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from adjudicate.errors import ConfigurationError
from executors.judge.backend import JudgeUnavailable, Opinion, Question, Tokens
from executors.judge.breaker import STATES, Breaker
from executors.judge.model_config import ModelConfig
from executors.judge.prompt import Style
from executors.judge.server.asking import INSTRUCTION, VERSION, VIOLATION, Asking
from executors.judge.server.calls import Calls
from executors.judge.server.chat import data_url
from executors.judge.server.errors import CallFailed
from executors.shared.batcher import Closed, Expired
from executors.shared.settings import JudgeSettings
from executors.shared.telemetry.catalogue import BREAKER, QUEUE_DEPTH

CLOSE_S = 5.0
"""How long a close waits for the requests that are under way."""

_DEFAULT_MODEL = JudgeSettings.model_fields["model"].default


class OpenAIBackend:
    """Speaks to the server from an event loop in a thread of its own, whoever calls `judge`."""

    device = "server"
    precision = ""

    def __init__(self, settings: JudgeSettings) -> None:
        """Connects to nothing yet: a server that is down is tried again with each ad.

        Raises `ConfigurationError` with what to set.
        """
        _check(settings)
        self.name = settings.model
        style: Style = "full" if settings.prompt == "auto" else settings.prompt
        self.style: str = style
        self.version = _version(settings)
        self.max_copy = ModelConfig().max_copy
        self.max_aspect = ModelConfig().max_aspect
        self._host = urlsplit(settings.url).netloc.rpartition("@")[2]
        self._temperature = settings.temperature or 1.0
        self._max_pixels = settings.max_pixels
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_reset_s)
        self._calls = Calls(settings, self._breaker)
        self._asking = Asking(self._calls, settings, style)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()
        self._forget = (
            BREAKER.watch(lambda: [(STATES.index(self._breaker.state), {})]),
            QUEUE_DEPTH.watch(lambda: [(len(self._waiting), {"queue": "judge"})]),
        )
        self._judged = self._answers = self._unreadable = self._verdict_only = 0
        self._probability = "not asked yet"
        self._problem = ""
        self._closed = False
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="judge-server", daemon=True
        )
        self._thread.start()

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        """As `Backend`. `JudgeUnavailable` has reason `breaker_open`, `unreadable_verdict`, or one
        of executors/judge/server/errors.py."""
        with self._lock:
            if self._closed:
                raise Closed("the room is shutting down")
            work = asyncio.run_coroutine_threadsafe(self._judge(question, deadline), self._loop)
        return await asyncio.wrap_future(work)

    def facts(self) -> Mapping[str, str]:
        """As `Backend`: the server's host, what it lets us know, and what is wrong with it."""
        facts = {
            "server": self._host,
            "breaker": self._breaker.state,
            "grammar": self._asking.form.grammar,
            "probability": self._probability,
        }
        return {**facts, "problem": self._problem} if self._problem else facts

    def counters(self) -> Mapping[str, int]:
        """As `Backend`; `breaker` is 0 closed, 1 half-open, 2 open."""
        counts = self._calls.counts
        return {
            "judged": self._judged,
            "answers": self._answers,
            "waiting": len(self._waiting),
            "requests": counts.requests,
            "retries": counts.retries,
            "failures": counts.failures,
            "unreadable": self._unreadable,
            "verdict_only": self._verdict_only,
            "breaker": STATES.index(self._breaker.state),
            "breaker_opened": self._breaker.opened,
            "breaker_refused": self._breaker.refused,
        }

    def close(self) -> None:
        """As `Backend`; what is under way has `CLOSE_S` to end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for forget in self._forget:
            forget()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _judge(self, question: Question, deadline: float | None) -> Opinion:
        left = None if deadline is None else deadline - time.time()
        if left is not None and left <= 0:
            raise Expired("the deadline passed")
        task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]
        self._under_way.add(task)
        try:
            async with asyncio.timeout(left):
                return await self._in_turn(task, question, deadline)
        except TimeoutError:
            raise Expired("the deadline passed") from None
        except asyncio.CancelledError:
            if self._closed:
                raise Closed("the room is shutting down") from None
            raise
        finally:
            self._under_way.discard(task)

    async def _in_turn(
        self, task: asyncio.Task[Any], question: Question, deadline: float | None
    ) -> Opinion:
        self._breaker.check()
        self._waiting.add(task)
        try:
            await self._slots.acquire()
        finally:
            self._waiting.discard(task)
        try:
            opinion = await self._opinion(question, deadline)
        except CallFailed as error:
            self._problem = str(error)
            raise JudgeUnavailable(error.reason, error.detail) from None
        except JudgeUnavailable as error:
            if error.reason == "unreadable_verdict":
                self._unreadable += 1
                self._problem = str(error)
            raise
        finally:
            self._slots.release()
        self._problem = ""
        self._judged += not question.canary
        return opinion

    async def _opinion(self, question: Question, deadline: float | None) -> Opinion:
        picture = None
        if question.image is not None:
            picture = await asyncio.to_thread(data_url, question.image, self._max_pixels)
        costs: list[Tokens | None] = []
        labels = await self._asking.labels(question, picture, deadline, costs)
        sure = labels[VIOLATION].probability is not None
        self._probability = "logprobs" if sure else "verdict only"
        self._verdict_only += not sure
        violation = labels[VIOLATION].calibrated(self._temperature)
        written = None
        if violation > question.explain_above:
            written = await self._asking.answer(question, picture, deadline, costs)
            self._answers += 1
        instruction = labels[INSTRUCTION].calibrated()
        return Opinion(violation, instruction, written, tokens=_sum(costs))

    async def _end(self) -> None:
        for task in self._waiting:
            task.cancel()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._calls.close()
        await self._loop.shutdown_default_executor()


def _check(settings: JudgeSettings) -> None:
    parts = urlsplit(settings.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "ADJUDICATE_JUDGE__URL: set it to the server's base URL, such as "
            "http://localhost:8000/v1."
        )
    if settings.model == _DEFAULT_MODEL:
        raise ConfigurationError(
            "ADJUDICATE_JUDGE__MODEL: set it to the name that the server has for its model; "
            "GET /v1/models of the server lists them."
        )


def _sum(costs: Sequence[Tokens | None]) -> Tokens | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Tokens()) if len(known) == len(costs) else None


def _version(settings: JudgeSettings) -> str:
    """12 hex digits. A server says nothing of its weights: they are known by URL and name."""
    known = (
        f"{settings.url.rstrip('/')}\n{settings.model}\n{settings.temperature or 1.0!r}\n{VERSION}"
    )
    return hashlib.sha256(known.encode()).hexdigest()[:12]
