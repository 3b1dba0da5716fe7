"""A bulk review: passes over the input until every row has its decision."""

from __future__ import annotations

import asyncio
import csv
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from adjudicate.bulk.output import AGAIN, Output
from adjudicate.bulk.progress import Meter, View
from adjudicate.bulk.rows import READERS, Row, Source, read_ahead
from adjudicate.bulk.summary import Summary
from adjudicate.client import AsyncClient
from adjudicate.documents import Ad, Decision
from adjudicate.errors import (
    AdjudicateError,
    AuthenticationError,
    CertificateError,
    Code,
    ForbiddenError,
    RateLimitError,
    ServiceError,
)

Connect = Callable[..., AsyncClient]
"""Makes a client from `request_size`, `prefetch`, `on_done` and `on_error`."""
Sleep = Callable[[float], Awaitable[None]]

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the service is tried again; the last is repeated."""


@dataclass(frozen=True)
class Pace:
    """How many ads travel together, and how much is done for those that fail.

    `retries`: further passes, ad by ad, over what met an error that may pass. `patience`: seconds
    without any decision that the service may be away.
    """

    request_size: int = 8
    concurrency: int = 4
    retries: int = 2
    patience: float = 300.0


class Stopped(Exception):
    """Requests fail one after another. `wait`: the service may come back."""

    def __init__(self, error: AdjudicateError, *, wait: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Bulk:
    """Sends each row that has no decision, until all have one."""

    def __init__(
        self,
        source: Source,
        output: Output,
        connect: Connect,
        pace: Pace,
        meter: Meter,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._output = output
        self._connect = connect
        self._pace = pace
        self._meter = meter
        self._sleep = sleep
        self._clock = clock
        self._moved: float | None = None
        """When the last decision came, in this process."""

    async def review(self) -> None:
        """Raises `AdjudicateError` when the service refuses or stays away, `ValueError` when the
        input is not what it was, `OSError` when there is no reading or writing."""
        left, attempt, pause = self._pace.retries, 0, 0
        while True:
            before = self._output.done.count
            try:
                missing = await self._pass(alone=attempt > 0, last=attempt >= left)
            except Stopped as stopped:
                pause = 0 if self._output.done.count > before else pause
                await self._wait(stopped, _PAUSES[min(pause, len(_PAUSES) - 1)])
                pause += 1
                continue
            self._output.done.check_end()
            if not missing:
                return
            attempt += 1
            self._meter.note = f"{missing:,} met an error and are sent again"
            await self._sleep(_PAUSES[min(attempt - 1, len(_PAUSES) - 1)])

    async def _wait(self, stopped: Stopped, seconds: float) -> None:
        if not stopped.wait or self._moved is None:
            raise stopped.error
        if self._clock() - self._moved + seconds > self._pace.patience:
            raise stopped.error
        self._meter.note = f"waiting: {stopped.error.detail}"
        await self._sleep(max(seconds, stopped.error.retry_after or 0))

    async def _pass(self, *, alone: bool, last: bool) -> int:
        """Send what has no decision; how many met an error that may pass. Raises `Stopped`."""
        size = 1 if alone else self._pace.request_size
        faults = _Faults(max(4, self._pace.concurrency))
        sent: dict[int, Row] = {}
        missing = 0
        held: list[tuple[Row, Decision]] = []
        client = self._connect(
            request_size=size,
            prefetch=self._pace.concurrency,
            on_done=faults.answered,
            on_error=faults.failed,
        )
        async with client, aclosing(client.review_numbered(self._ads(sent))) as decided:
            async for index, decision in decided:
                faults.check()
                row = sent.pop(index)
                if decision.problem is None or decision.problem.code not in AGAIN:
                    self._write([*held, (row, decision)])
                    held.clear()
                elif not last:
                    missing += 1
                else:
                    # Not yet: when the service is away, this was no error of the ad's.
                    held.append((row, decision))
                    if len(held) > faults.limit * size:
                        self._write(held)
                        held.clear()
            faults.check()
        self._write(held)
        return missing

    def _ads(self, sent: dict[int, Row]) -> Iterator[Ad]:
        rows = self._source.rows(self._output.done)
        readers = READERS if self._source.distant else 1
        for index, (row, ad) in enumerate(read_ahead(rows, readers)):
            sent[index] = row
            ad.idempotency_key = f"{self._output.run}/{row.number}"
            yield ad

    def _write(self, decided: list[tuple[Row, Decision]]) -> None:
        for row, decision in decided:
            self._output.add(row, decision)
            self._meter.add()
        if decided:
            self._moved = self._clock()
            self._meter.note = ""


class _Faults:
    """Counts requests that fail with no decision between them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._in_a_row = 0
        self._error: AdjudicateError | None = None

    def answered(self, decision: Decision) -> None:
        self._in_a_row = 0

    def failed(self, failure: Decision | AdjudicateError) -> None:
        if isinstance(failure, Decision):
            if failure.problem is None or failure.problem.code not in AGAIN:
                self._in_a_row = 0
            return
        hopeless = isinstance(failure, AuthenticationError | ForbiddenError | CertificateError)
        self._in_a_row += self.limit if hopeless or failure.code is Code.TOO_MANY_ADS else 1
        self._error = failure

    def check(self) -> None:
        """Raises `Stopped` after `limit` failures in a row."""
        if self._error is None or self._in_a_row < self.limit:
            return
        hopeless = isinstance(self._error, CertificateError)
        may_pass = isinstance(self._error, ServiceError | RateLimitError)
        raise Stopped(self._error, wait=may_pass and not hopeless)


async def review(
    source: Source,
    output: Output,
    connect: Connect,
    pace: Pace,
    view: View,
) -> Summary:
    """Review the whole input and write the out file. Raises as `Bulk.review`, and `ValueError` for
    an input without ads. What is written stays: the same call goes on."""
    meter = Meter()
    before = output.done.count
    meter.found(before)
    _count(source, meter)
    began = time.monotonic()
    async with _shown(view, meter, output):
        await Bulk(source, output, connect, pace, meter).review()
    if not output.done.count:
        raise ValueError("Nothing to review: no ads there.")
    output.finish()
    return Summary(output.out, output.run, output.tally, before, time.monotonic() - began)


def open_output(
    out: Path,
    source: Source,
    options: dict[str, str],
    *,
    restart: bool = False,
    retry_errors: bool = False,
) -> Output:
    """The out file for this input. Raises `ValueError` when it is another's."""
    identity = source.identity()
    return Output(out, identity, options, restart=restart, retry_errors=retry_errors)


def _count(source: Source, meter: Meter) -> None:
    def count() -> None:
        # Only for the bar: what is wrong with the input is said by whoever reads it.
        with suppress(OSError, ValueError, csv.Error):
            meter.total = source.count()

    threading.Thread(target=count, name="adjudicate-count", daemon=True).start()


@asynccontextmanager
async def _shown(view: View, meter: Meter, output: Output) -> AsyncIterator[None]:
    async def showing() -> None:
        while True:
            await asyncio.sleep(view.every)
            view.show(meter, output.tally.outcomes)

    task = asyncio.create_task(showing()) if view.every else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
        view.close()
