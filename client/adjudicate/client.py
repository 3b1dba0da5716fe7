"""The asynchronous client. `adjudicate.sync.Client` is the same for code without `async`."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from adjudicate.answers import Embedding, SearchResult
from adjudicate.audit.client import AsyncAudit
from adjudicate.credentials import with_key
from adjudicate.defaults import DEFAULT_URL
from adjudicate.documents import Ad, Decision, Ranking, RoomReport, RoomStatus
from adjudicate.errors import AdjudicateError, Code, DeadlineError
from adjudicate.library import AsyncLibrary
from adjudicate.models import AsyncModels
from adjudicate.outgoing import Outgoing, undecided
from adjudicate.pipeline import (
    Ads,
    Batch,
    Decided,
    Emit,
    Failed,
    batches,
    held_back,
    reordered,
    run,
    source,
)
from adjudicate.quality import AsyncQuality
from adjudicate.queue import AsyncAppeals, AsyncQueue, AsyncWebhooks
from adjudicate.records import AsyncRecords
from adjudicate.report.model import Report
from adjudicate.retries import retrying
from adjudicate.thresholds import AsyncThresholds
from adjudicate.transports import Transport, open_transport, parse_url
from adjudicate.transports.tls import Certificate, StrPath, read_tls

T = TypeVar("T")
OnDecision = Callable[[Decision], object]
OnError = Callable[[Decision | AdjudicateError], object]

GRACE_S = 2.0
"""Seconds that the client waits beyond the deadline, so that the service's own word arrives."""
WINDOW = 4
"""In order, a slow ad holds back the decisions of as many times the ads that can be in flight."""


class AsyncClient:
    """Reviews ads over gRPC, HTTP or WebSocket, by the scheme of `url`.

    `request_size` ads travel in one request, `prefetch` requests at a time. `timeout`, in seconds,
    is the deadline of one request with its retries; None waits for ever. A request that fails
    because the service is away or has too much to do is repeated up to `retries` times, not before
    the service's `retry_after`: each ad has an idempotency key, so it is never decided twice.

    `api_key` or `token` (a JWT) goes with each request as `Authorization: Bearer`; without either,
    the environment's `ADJUDICATE_API_KEY` does. With TLS (`grpcs://`, `https://`, `wss://`) the
    service's certificate is checked, by the authorities in the PEM file `ca` or else the system's;
    `client_certificate` is yours, the PEM files of certificate and key.

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
        api_key: str | None = None,
        token: str | None = None,
        ca: StrPath | None = None,
        client_certificate: Certificate | None = None,
        request_size: int = 16,
        prefetch: int = 4,
        timeout: float | None = 120.0,
        retries: int = 8,
        headers: Mapping[str, str] | None = None,
        on_done: OnDecision | None = None,
        on_error: OnError | None = None,
        on_always: OnDecision | None = None,
    ) -> None:
        """Connects to nothing yet.

        Raises `ValueError` for a URL, size, key or certificate that makes no sense.
        """
        if request_size < 1 or prefetch < 1 or retries < 0:
            raise ValueError("request_size and prefetch must be at least 1, retries at least 0")
        if timeout is not None and timeout <= 0:
            raise ValueError("timeout must be above 0 seconds, or None")
        address = parse_url(url)
        self.url = address.url
        self.library = AsyncLibrary(self)
        self.thresholds = AsyncThresholds(self)
        self.models = AsyncModels(self)
        self.quality = AsyncQuality(self)
        self.queue = AsyncQueue(self)
        self.appeals = AsyncAppeals(self)
        self.webhooks = AsyncWebhooks(self)
        self.audit = AsyncAudit(self)
        self.records = AsyncRecords(self)
        self._tls = read_tls(address, ca, client_certificate)
        self._headers = with_key(headers or {}, api_key, token, os.environ)
        self._request_size = request_size
        self._prefetch = prefetch
        self._timeout = timeout
        self._retries = retries
        self._on_done = on_done
        self._on_error = on_error
        self._on_always = on_always
        self._opened: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    async def review(self, ads: Ads, *, ordered: bool = False) -> AsyncIterator[Decision]:
        """One decision per ad, as they become ready; match them by `ad_id`. If `ordered`, in the
        order of the ads.

        Takes whatever is or holds ads (`adjudicate.things`), or an async iterable of it, endless
        too: no more is read than is in flight, and in order `WINDOW` times that. Raises
        `RequestError` and `ServiceError` (see the class), `TypeError` for what is not an ad.
        """
        if ordered:
            async with aclosing(self._in_order(ads)) as decisions:
                async for decision in decisions:
                    yield decision
            return
        async with aclosing(self._decide(source(ads))) as decided:
            async for _, decision in decided:
                yield decision

    async def review_numbered(self, ads: Ads) -> AsyncGenerator[tuple[int, Decision], None]:
        """As `review`, each decision with the position of its ad in the input, from 0."""
        async with aclosing(self._decide(source(ads))) as decided:
            async for numbered in decided:
                yield numbered

    async def review_all(self, ads: Ads) -> list[Decision]:
        """All decisions, in the order of the ads. Raises as `review`."""
        async with aclosing(self._decide(source(ads))) as decided:
            by_index = {index: decision async for index, decision in decided}
        return [by_index[index] for index in sorted(by_index)]

    async def embed(self, ads: Ads) -> list[Embedding]:
        """The CLIP embeddings of pictures and copy, in the order of the ads."""
        return await self._in_parts(
            ads, self._transport().embed, lambda ad: Embedding(ad.id or "", problem=ad.problem)
        )

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
        return await self._in_parts(
            ads, ask, lambda ad: SearchResult(ad.id or "", problem=ad.problem)
        )

    async def decision(self, decision_id: str) -> Decision:
        """A recorded decision. Raises `RequestError` with code `not_found`."""
        return await self._ask(lambda: self._transport().decision(decision_id))

    async def decisions(self, limit: int = 100, offset: int = 0) -> list[Decision]:
        """Recorded decisions, newest first."""
        return await self._ask(lambda: self._transport().decisions(limit, offset))

    async def status(self) -> list[RoomStatus]:
        """What each room says about itself."""
        return await self._ask(lambda: self._transport().status())

    async def report(self, window: str = "", *, since: str = "", until: str = "") -> Report:
        """What the service did over a window of time, by default the last hour.

        `window` is a duration such as `15m`: the last one, the one that begins at `since`, or the
        one that ends at `until`; these are ISO 8601. Raises `RequestError` with code
        `malformed_request` for what is no window.
        """
        asked = RoomReport(window=window, since=since, until=until)
        return await self._ask(lambda: self._transport().report(asked))

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
            self._opened, self._loop = self._open(), loop
        elif self._loop is not loop:
            raise RuntimeError(
                "an AsyncClient belongs to the event loop that first used it; close it there"
            )
        return self._opened

    def _open(self) -> Transport:
        return open_transport(self.url, self._headers, self._tls)

    async def _in_order(self, ads: Ads) -> AsyncGenerator[Decision, None]:
        room = asyncio.Semaphore(WINDOW * self._prefetch * self._request_size)
        decided = self._decide(held_back(source(ads), room))
        async with aclosing(reordered(decided)) as decisions:
            async for decision in decisions:
                room.release()
                yield decision

    async def _decide(
        self, ads: AsyncGenerator[Ad, None]
    ) -> AsyncGenerator[tuple[int, Decision], None]:
        go_on = self._on_error is not None
        requests = batches(ads, self._request_size)
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
        """Send one request until every ad of it has its decision, or it failed for good.

        Its decisions are handed out beside it: who is slow to take them uses up no deadline.
        """
        ready: asyncio.Queue[Decided | None] = asyncio.Queue()

        async def hand_out() -> None:
            while (decided := await ready.get()) is not None:
                await emit(decided)

        handing = asyncio.create_task(hand_out())
        try:
            failed = await self._settle(batch, ready.put_nowait)
            ready.put_nowait(None)
            await handing
        finally:
            handing.cancel()
        return failed

    async def _settle(self, batch: Batch, emit: Callable[[Decided], None]) -> Failed | None:
        until = None if self._timeout is None else time.time() + self._timeout
        outgoing = Outgoing(batch, until)
        for decided in outgoing.unsendable():
            emit(decided)

        async def attempt() -> None:
            # Only what is still undecided: a stream that broke half way is not sent again whole.
            indexes = list(outgoing.left)
            review = self._transport().review(list(outgoing.left.values()))
            async for position, decision in review:
                emit(outgoing.decided(indexes[position], decision))

        try:
            if outgoing.left:
                await self._ask(attempt)
        except AdjudicateError as error:
            return outgoing.failed(error)
        return None

    async def _ask(self, call: Callable[[], Awaitable[T]], *, repeat: bool = True) -> T:
        """One exchange with its time limit and its retries: without `repeat` only of what was
        refused before anything was done."""
        limit = None if self._timeout is None else self._timeout + GRACE_S
        until = None if limit is None else time.monotonic() + limit
        attempts = retrying(self._retries, until, repeat=repeat)
        try:
            async with asyncio.timeout(limit):
                return await attempts.run(call)
        except TimeoutError:
            if attempts.last is not None:  # says more than that the time is over
                raise attempts.last from None
            detail = f"No answer from {self.url} within {self._timeout:g} s."
            raise DeadlineError(Code.DEADLINE_EXCEEDED, detail) from None

    async def _in_parts(
        self,
        ads: Ads,
        ask: Callable[[list[Ad]], Awaitable[list[T]]],
        unasked: Callable[[Ad], T],
    ) -> list[T]:
        """`unasked` is the answer for an ad that has a problem already."""
        answers: list[T] = []
        async with aclosing(batches(source(ads), self._request_size)) as parts:
            async for part in parts:
                sound = [item.ad for item in part if item.ad.problem is None]
                answered = iter(await self._ask(partial(ask, sound)) if sound else [])
                answers += [
                    unasked(item.ad) if item.ad.problem else next(answered) for item in part
                ]
        return answers


async def _call(handler: Callable[[Any], object] | None, value: Decision | AdjudicateError) -> None:
    if handler is not None:
        result = handler(value)
        if inspect.isawaitable(result):
            await result
