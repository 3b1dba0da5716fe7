"""A queue and a worker thread: calls of many requests share the model's batches."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from executors.shared.telemetry import catalogue

Item = TypeVar("Item")
Result = TypeVar("Result")

SPENT: ContextVar[dict[str, float] | None] = ContextVar("spent", default=None)
"""A mapping that gets the milliseconds that the context's item waited for its batch (`wait`), and
that the batch took (`model`). None: nobody wants to know."""

WAITED: ContextVar[float | None] = ContextVar("waited", default=None)
"""In a worker's thread: seconds that the first item of the batch at work has waited for it."""


class Expired(Exception):
    """The deadline passed before the item was worked on, or before its result was there."""


class Closed(Exception):
    """The batcher takes no more items."""


class _Look:
    """In the queue: a waiting batch should look again whether something is coming."""


_LOOK = _Look()


@dataclass
class _Job(Generic[Item, Result]):
    item: Item
    deadline: float | None
    """Unix time, seconds."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    future: asyncio.Future[Result] = field(init=False)
    """Settled by its loop's own thread alone."""
    result: Result | None = None
    error: Exception | None = None
    submitted: float = field(default_factory=time.perf_counter)
    started: float = 0.0
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def settle(self) -> None:
        if self.future.done():  # whoever waited has gone
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]

    def tell(self, spent: dict[str, float]) -> None:
        spent["wait"] = (self.started - self.submitted) * 1_000
        spent["model"] = (self.ended - self.started) * 1_000

    def expired(self) -> bool:
        return self.deadline is not None and time.time() >= self.deadline


class Batcher(Generic[Item, Result]):
    """Collects items from concurrent `submit` calls and works on them in `workers` threads.

    A batch starts when `max_batch` items wait, or `max_wait` seconds after its first; with
    `coming`, a count of the items that are still on their way here, as soon as there are none, and
    `linger` seconds have passed since the batch before it: clients that wait for each answer send
    their next items just then, and would else fall into two halves that take turns for ever.
    `work` returns one result per item, in order. When it raises, the items are tried one by one, so
    that only the one at fault fails.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_batch: int,
        max_wait: float,
        coming: Callable[[], int] | None = None,
        linger: float = 0.0,
        workers: int = 1,
        name: str = "batcher",
    ) -> None:
        self._work = work
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._coming = coming
        self._linger = linger
        self._quiet_from = 0.0
        self.done = 0
        """Items worked on since the start: it stands still when the worker hangs."""
        self._queue: queue.SimpleQueue[_Job[Item, Result] | _Look | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=name, daemon=True) for _ in range(workers)
        ]
        self._queue_name = {"queue": name}
        self._forget = catalogue.QUEUE_DEPTH.watch(lambda: [(self.waiting, self._queue_name)])
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Items in the queue, about."""
        return self._queue.qsize()

    async def submit(self, item: Item, deadline: float | None = None) -> Result:
        """Return the result of `item`; `deadline` is Unix time in seconds.

        Raises `Expired` when the deadline passes first (an item that waits is then skipped),
        `Closed` after `close`, or what `work` raised for this item.
        """
        job: _Job[Item, Result] = _Job(item, deadline)
        with self._lock:
            if self._closed:
                raise Closed("the room is shutting down")
            self._queue.put(job)
        patience = None if deadline is None else max(0.0, deadline - time.time())
        try:
            result = await asyncio.wait_for(job.future, patience)
        except TimeoutError:
            raise Expired("the deadline passed") from None
        if (spent := SPENT.get()) is not None:
            job.tell(spent)
        return result

    def wake(self) -> None:
        """What was `coming` does not come after all: a batch that waits for it looks again."""
        self._queue.put(_LOOK)

    def close(self) -> None:
        """Finish the batch at work; what still waits fails with `Closed`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._forget()
        for thread in self._threads:
            thread.join()
        left = []
        while not self._queue.empty():
            if isinstance(job := self._queue.get(), _Job):
                job.error = Closed("the room is shutting down")
                left.append(job)
        _answer(left)

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            ready = [job for job in batch if self._claim(job)]
            if ready:
                self._do(ready)
                self._quiet_from = time.monotonic() + self._linger

    def _next_batch(self) -> list[_Job[Item, Result]] | None:
        while (first := self._queue.get()) is _LOOK:
            pass
        if not isinstance(first, _Job) or self._closed:
            self._queue.put(first)  # for `close`; the mark of the end, for the other workers
            return None
        batch = [first]
        until = time.monotonic() + self._max_wait
        while len(batch) < self._max_batch:
            now = time.monotonic()
            patience = until - now
            if self._queue.empty() and self._coming is not None and not self._coming():
                patience = min(patience, self._quiet_from - now)
                if patience <= 0:
                    break
            try:
                job = self._queue.get(timeout=max(0.0, patience))
            except queue.Empty:
                if time.monotonic() < until:  # nothing came by then; something may be on its way
                    continue
                break
            if job is None:
                self._queue.put(None)
                break
            if isinstance(job, _Job):
                batch.append(job)
        return batch

    @staticmethod
    def _claim(job: _Job[Item, Result]) -> bool:
        """Whether somebody still waits for the job; tells those whose deadline has passed."""
        if job.future.done():
            return False
        if job.expired():
            job.error = Expired("the deadline passed")
            _answer([job])
            return False
        return True

    def _do(self, jobs: list[_Job[Item, Result]]) -> None:
        started = time.perf_counter()
        WAITED.set(started - jobs[0].submitted)
        try:
            results = self._work([job.item for job in jobs])
            if len(results) != len(jobs):
                raise RuntimeError(f"{len(results)} results for {len(jobs)} items")
        except Exception as error:
            # Whatever one item does to the model, the worker and the other items go on.
            if len(jobs) == 1:
                jobs[0].error = error
                _answer(jobs)
                return
            for job in jobs:
                self._do([job])
            return
        ended = time.perf_counter()
        for job, result in zip(jobs, results, strict=True):
            job.started, job.ended = started, ended
            job.result = result
        self.done += len(jobs)
        _answer(jobs)
        self._record(jobs, ended - started)

    def _record(self, jobs: list[_Job[Item, Result]], seconds: float) -> None:
        """After the answers: nobody waits for this."""
        catalogue.BATCH_SIZE.record(len(jobs), self._queue_name)
        catalogue.BATCH_SECONDS.record(seconds, self._queue_name)
        for job in jobs:
            catalogue.BATCH_WAIT.record(job.started - job.submitted, self._queue_name)


def _answer(jobs: Iterable[_Job[Any, Any]]) -> None:
    """Tell those who wait: each loop is woken once for all of its jobs, not once for each."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job[Any, Any]]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, its in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_settle, its)


def _settle(jobs: Iterable[_Job[Any, Any]]) -> None:
    for job in jobs:
        job.settle()
