"""The synchronous client: `AsyncClient` on an event loop in a background thread.

Nothing is written twice: each method here is made from its asynchronous one and has its signature.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from adjudicate.audit.client import AsyncAudit
from adjudicate.client import AsyncClient
from adjudicate.library import AsyncLibrary
from adjudicate.models import AsyncModels
from adjudicate.quality import AsyncQuality
from adjudicate.queue import AsyncAppeals, AsyncQueue, AsyncWebhooks
from adjudicate.records import AsyncRecords
from adjudicate.thresholds import AsyncThresholds

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")


class _Loop:
    """An event loop that runs in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_report)
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="adjudicate-client", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run `work` to its end; an interrupt of the waiting thread cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Stop the loop and wait for its thread."""
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # With gRPC on two loops of a process each is woken for the other's events; the one that finds
    # nothing to read says so as an error. It is none.
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)


class _Sync(Protocol[A]):
    """What wraps an asynchronous object."""

    _async: A
    _loop: _Loop


def _call(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_Sync[A], P], R]:
    @functools.wraps(method)
    def call(self: _Sync[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._loop.run(method(self._async, *args, **kwargs))

    return call


def _stream(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[_Sync[A], P], Iterator[R]]:
    @functools.wraps(method)
    def stream(self: _Sync[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        items = method(self._async, *args, **kwargs)

        async def following() -> R:
            return await anext(items)

        try:
            while True:
                try:
                    item = self._loop.run(following())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self._loop.run(items.aclose())

    return stream


def _made_like(
    model: Callable[Concatenate[Any, P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """For an `__init__`: it takes what the model's takes."""

    def shown(init: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        wrapped: Callable[Concatenate[Any, P], None] = functools.wraps(model)(init)
        return wrapped

    return shown


class Library:
    """`AsyncLibrary`, waited for."""

    def __init__(self, library: AsyncLibrary, loop: _Loop) -> None:
        self._async = library
        self._loop = loop

    list = _call(AsyncLibrary.list)
    get = _call(AsyncLibrary.get)
    add = _call(AsyncLibrary.add)
    held = _call(AsyncLibrary.held)
    set = _call(AsyncLibrary.set)
    remove = _call(AsyncLibrary.remove)
    banks = _call(AsyncLibrary.banks)
    switch_bank = _call(AsyncLibrary.switch_bank)
    changes = _call(AsyncLibrary.changes)


class Thresholds:
    """`AsyncThresholds`, waited for."""

    def __init__(self, thresholds: AsyncThresholds, loop: _Loop) -> None:
        self._async = thresholds
        self._loop = loop

    list = _call(AsyncThresholds.list)
    get = _call(AsyncThresholds.get)
    add = _call(AsyncThresholds.add)
    set = _call(AsyncThresholds.set)


class Models:
    """`AsyncModels`, waited for."""

    def __init__(self, models: AsyncModels, loop: _Loop) -> None:
        self._async = models
        self._loop = loop

    list = _call(AsyncModels.list)
    load = _call(AsyncModels.load)


class Quality:
    """`AsyncQuality`, waited for."""

    def __init__(self, quality: AsyncQuality, loop: _Loop) -> None:
        self._async = quality
        self._loop = loop

    figures = _call(AsyncQuality.figures)
    set_reference = _call(AsyncQuality.set_reference)
    uphold = _call(AsyncQuality.uphold)
    overturn = _call(AsyncQuality.overturn)


class Queue:
    """`AsyncQueue`, waited for."""

    def __init__(self, queue: AsyncQueue, loop: _Loop) -> None:
        self._async = queue
        self._loop = loop

    list = _call(AsyncQueue.list)
    counts = _call(AsyncQueue.counts)
    get = _call(AsyncQueue.get)
    claim = _call(AsyncQueue.claim)
    release = _call(AsyncQueue.release)
    answer = _call(AsyncQueue.answer)
    undo = _call(AsyncQueue.undo)


class Appeals:
    """`AsyncAppeals`, waited for."""

    def __init__(self, appeals: AsyncAppeals, loop: _Loop) -> None:
        self._async = appeals
        self._loop = loop

    open = _call(AsyncAppeals.open)
    list = _call(AsyncAppeals.list)
    get = _call(AsyncAppeals.get)
    uphold = _call(AsyncAppeals.uphold)
    overturn = _call(AsyncAppeals.overturn)


class Webhooks:
    """`AsyncWebhooks`, waited for."""

    def __init__(self, webhooks: AsyncWebhooks, loop: _Loop) -> None:
        self._async = webhooks
        self._loop = loop

    messages = _call(AsyncWebhooks.messages)
    retry = _call(AsyncWebhooks.retry)
    test = _call(AsyncWebhooks.test)


class Audit:
    """`AsyncAudit`, waited for."""

    def __init__(self, audit: AsyncAudit, loop: _Loop) -> None:
        self._async = audit
        self._loop = loop

    page = _call(AsyncAudit.page)
    entries = _stream(AsyncAudit.entries)
    verify = _call(AsyncAudit.verify)


class Records:
    """`AsyncRecords`, waited for."""

    def __init__(self, records: AsyncRecords, loop: _Loop) -> None:
        self._async = records
        self._loop = loop

    search = _call(AsyncRecords.search)
    case = _call(AsyncRecords.case)
    export = _stream(AsyncRecords.export)
    erase = _call(AsyncRecords.erase)
    expire = _call(AsyncRecords.expire)


class Client:
    """`AsyncClient` for code without `async`: the same arguments, methods and errors.

    `review` is a generator. Callbacks run in the client's thread. A client may be shared by
    threads.
    """

    @_made_like(AsyncClient.__init__)
    def __init__(self, *args: Any, **options: Any) -> None:
        self._async = AsyncClient(*args, **options)
        self._loop = _Loop()
        self._closed = False
        self.url = self._async.url
        self.library = Library(self._async.library, self._loop)
        self.thresholds = Thresholds(self._async.thresholds, self._loop)
        self.models = Models(self._async.models, self._loop)
        self.quality = Quality(self._async.quality, self._loop)
        self.queue = Queue(self._async.queue, self._loop)
        self.appeals = Appeals(self._async.appeals, self._loop)
        self.webhooks = Webhooks(self._async.webhooks, self._loop)
        self.records = Records(self._async.records, self._loop)
        self.audit = Audit(self._async.audit, self._loop)

    review = _stream(AsyncClient.review)
    review_numbered = _stream(AsyncClient.review_numbered)
    review_all = _call(AsyncClient.review_all)
    embed = _call(AsyncClient.embed)
    rank = _call(AsyncClient.rank)
    classify = _call(AsyncClient.classify)
    search = _call(AsyncClient.search)
    decision = _call(AsyncClient.decision)
    decisions = _call(AsyncClient.decisions)
    status = _call(AsyncClient.status)
    report = _call(AsyncClient.report)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def close(self) -> None:
        """Close the connection and end the client's thread. It cannot be used afterwards."""
        if not self._closed:
            self._closed = True
            self._loop.run(self._async.close())
            self._loop.stop()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
