"""The asynchronous client. `adjudicate.sync.Client` is the same for code without `async`."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.trace import Span
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from adjudicate.answers import Embedding, SearchResult
from adjudicate.defaults import DEFAULT_URL
from adjudicate.documents import Ad, Decision, Problem, Ranking, RoomStatus
from adjudicate.errors import AdjudicateError, Code, ServiceError
from adjudicate.library import AsyncLibrary
from adjudicate.models import AsyncModels
from adjudicate.pipeline import Ads, Batch, Decided, Emit, Failed, batches, run, source
from adjudicate.thresholds import AsyncThresholds
from adjudicate.tracing import end_span, start_span, trace_id
from adjudicate.transports import Transport, open_transport, parse_url

T = TypeVar("T")
OnDecision = Callable[[Decision], object]
OnError = Callable[[Decision | AdjudicateError], object]

GRACE_S = 2.0
"""Seconds that the client waits beyond the deadline, so that the service's own word arrives."""


class AsyncClient:
    """Reviews ads over gRPC, HTTP or WebSocket, by the scheme of `url`.

    `request_size` ads travel in one request, `prefetch` requests at a time. `timeout`, in seconds,
    is the deadline of one request with its retries; None waits for ever. A request that fails
    because the service is away is repeated up to `retries` times: a review is safe to repeat.

    `on_done` gets each decision, `on_error` each decision with outcome `error`, `on_always` both;
    each may be a coroutine function. With `on_error` set, a request that fails for good is handed
    to it as the exception, its ads come back as `error` decisions, and the stream goes on; without
    it, the exception is raised after what was in flight has been yielded.

    It belongs to the event loop that first uses it. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        request_size: int = 16,
        prefetch: int = 4,
        timeout: float | None = 120.0,
        retries: int = 8,
        headers: Mapping[str, str] | None = None,
        on_done: OnDecision | None = None,
        on_error: OnError | None = None,
        on_always: OnDecision | None = None,
    ) -> None:
        """Connects to nothing yet. Raises `ValueError` for a URL or a size that makes no sense."""
        if request_size < 1 or prefetch < 1 or retries < 0:
            raise ValueError("request_size and prefetch must be at least 1, retries at least 0")
        self.url = parse_url(url).url
        self.library = AsyncLibrary(self)
        self.thresholds = AsyncThresholds(self)
        self.models = AsyncModels(self)
        self._request_size = request_size
        self._prefetch = prefetch
        self._timeout = timeout
        self._retries = retries
        self._headers = dict(headers or {})
        self._on_done = on_done
        self._on_error = on_error
        self._on_always = on_always
        self._opened: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def review(self, ads: Ads) -> AsyncIterator[Decision]:
        """One decision per ad, in the order in which they become ready; match them by `ad_id`.

        Takes an ad, or an iterable or async iterable of them, endless too. Raises `RequestError`
        and `ServiceError` (see the class), `TypeError` for what is not an ad.
        """
        async with aclosing(self._decide(ads)) as decided:
            async for _, decision in decided:
                yield decision

    async def review_all(self, ads: Ads) -> list[Decision]:
        """All decisions, in the order of the ads. Raises as `review`."""
        async with aclosing(self._decide(ads)) as decided:
            by_index = {index: decision async for index, decision in decided}
        return [by_index[index] for index in sorted(by_index)]

    async def embed(self, ads: Ads) -> list[Embedding]:
        """The CLIP embeddings of pictures and copy, in the order of the ads."""
        return await self._in_parts(ads, self._transport().embed)

    async def rank(self, queries: Ranking | Sequence[Ranking]) -> list[Ranking]:
        """Each query's candidates, the best first, with cosines and probabilities.

        `Ranking.of(picture, ["one text", "another"])` is a query. What is wrong with one query or
        candidate stands in its `problem`.
        """
        asked = [queries] if isinstance(queries, Ranking) else queries
        return await self._ask(lambda: self._transport().rank(asked))

    async def classify(
        self, things: Sequence[bytes | str], labels: Sequence[str], template: str = ""
    ) -> list[Ranking]:
        """Zero-shot: the labels of each picture (bytes) or text, the most probable first.

        With a `template` such as `a photo of a {}` the model reads each label in its place.
        """
        asked = [Ranking.of(thing) for thing in things]
        return await self._ask(lambda: self._transport().classify(asked, labels, template))

    async def search(
        self, ads: Ads, limit: int = 10, *, per_category: bool = False
    ) -> list[SearchResult]:
        """The `limit` nearest exemplars of each ad, in the order of the ads.

        With `per_category` instead the most similar violation of every category in every signal,
        found exactly, whatever index the library searches by.
        """
        search = self._transport().search
        ask = partial(search, limit=limit, per_category=per_category)
        return await self._in_parts(ads, ask)

    async def decision(self, decision_id: str) -> Decision:
        """A recorded decision. Raises `RequestError` with code `not_found`."""
        return await self._ask(lambda: self._transport().decision(decision_id))

    async def decisions(self, limit: int = 100, offset: int = 0) -> list[Decision]:
        """Recorded decisions, newest first."""
        return await self._ask(lambda: self._transport().decisions(limit, offset))

    async def status(self) -> list[RoomStatus]:
        """What each room says about itself."""
        return await self._ask(lambda: self._transport().status())

    async def close(self) -> None:
        """Close the connection. The client can be used again; it then connects anew."""
        opened, self._opened, self._loop = self._opened, None, None
        if opened is not None:
            await opened.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _transport(self) -> Transport:
        loop = asyncio.get_running_loop()
        if self._opened is None:
            # Not in __init__: a gRPC channel belongs to the loop that runs while it is made.
            self._opened, self._loop = open_transport(self.url, self._headers), loop
        elif self._loop is not loop:
            raise RuntimeError(
                "an AsyncClient belongs to the event loop that first used it; close it there"
            )
        return self._opened

    async def _decide(self, ads: Ads) -> AsyncGenerator[tuple[int, Decision], None]:
        go_on = self._on_error is not None
        requests = batches(source(ads), self._request_size)
        failed: Failed | None = None
        async with aclosing(run(requests, self._send, self._prefetch, go_on=go_on)) as answers:
            async for answer in answers:
                if isinstance(answer, Decided):
                    await self._tell(answer.decision)
                    yield answer.index, answer.decision
                elif go_on:
                    await _call(self._on_error, answer.error)
                    for item in answer.ads:
                        decision = undecided(item.ad, answer.error.code, answer.error.detail)
                        await _call(self._on_always, decision)
                        yield item.index, decision
                else:
                    failed = failed or answer
        if failed is not None:
            ids = ", ".join(str(item.ad.id) for item in failed.ads[:20])
            failed.error.add_note(f"ads of the failed request: {ids}")
            raise failed.error

    async def _tell(self, decision: Decision) -> None:
        handler = self._on_error if decision.outcome == "error" else self._on_done
        await _call(handler, decision)
        await _call(self._on_always, decision)

    async def _send(self, batch: Batch, emit: Emit) -> Failed | None:
        """Send one request until every ad of it has its decision, or it failed for good."""
        deadline = None if self._timeout is None else time.time() + self._timeout
        spans: dict[int, Span] = {}
        left: dict[int, Ad] = {}
        for item in batch:
            span, traceparent = start_span(item.ad)
            wait = item.ad.deadline if item.ad.deadline is not None else deadline
            spans[item.index] = span
            left[item.index] = item.ad.model_copy(
                update={"traceparent": traceparent, "deadline": wait}
            )

        async def decided(index: int, decision: Decision) -> None:
            del left[index]
            end_span(spans.pop(index), decision)
            await emit(Decided(index, decision))

        async def attempt() -> None:
            # Only what is still undecided: a stream that broke half way is not sent again whole.
            indexes = list(left)
            review = self._transport().review([left[index] for index in indexes])
            async for position, decision in review:
                await decided(indexes[position], decision)

        for index, ad in list(left.items()):
            if ad.problem is not None:  # what could not be parsed cannot be sent either
                await decided(index, undecided(ad, ad.problem.code, ad.problem.detail))
        try:
            if left:
                await self._ask(attempt)
        except AdjudicateError as error:
            for span in spans.values():
                end_span(span, error)
            return Failed(error, [item for item in batch if item.index in left])
        return None

    async def _ask(self, call: Callable[[], Awaitable[T]], *, repeat: bool = True) -> T:
        """One exchange with its time limit and, if `repeat`, its retries."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(_transient),
            stop=stop_after_attempt(self._retries + 1 if repeat else 1),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            reraise=True,
        )
        limit = None if self._timeout is None else self._timeout + GRACE_S

        away: ServiceError | None = None

        async def attempt() -> T:  # tenacity awaits only what is a coroutine function
            nonlocal away
            try:
                return await call()
            except ServiceError as error:
                away = error
                raise

        try:
            async with asyncio.timeout(limit):
                return await retrying(attempt)
        except TimeoutError:
            if away is not None:  # says more than that the time is over
                raise away from None
            detail = f"No answer from {self.url} within {self._timeout:g} s."
            raise ServiceError(Code.DEADLINE_EXCEEDED, detail) from None

    async def _in_parts(self, ads: Ads, ask: Callable[[list[Ad]], Awaitable[list[T]]]) -> list[T]:
        answers: list[T] = []
        async with aclosing(batches(source(ads), self._request_size)) as parts:
            async for part in parts:
                answers += await self._ask(partial(ask, [item.ad for item in part]))
        return answers


def undecided(ad: Ad, code: str, detail: str) -> Decision:
    """The `error` decision of an ad that the service never judged."""
    return Decision(
        ad_id=ad.id,
        outcome="error",
        reasons=[str(code)],
        problem=Problem(code=str(code), detail=detail),
        trace_id=trace_id(ad.traceparent),
    )


def _transient(error: BaseException) -> bool:
    return isinstance(error, ServiceError) and error.code is Code.ROOM_UNAVAILABLE


async def _call(handler: Callable[[Any], object] | None, value: Decision | AdjudicateError) -> None:
    if handler is not None:
        result = handler(value)
        if inspect.isawaitable(result):
            await result
