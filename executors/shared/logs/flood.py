"""How many lines there may be: a flood of the same must not fill a disk.

Each kind of line has a bucket of `BURST` lines that fills up again by one in `REFILL_S` seconds;
all kinds together have another. What was left out is counted, and said by the next of its kind.
A review is never left out: see `ALWAYS`. Neither is what is logged at DEBUG, which was asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

ALWAYS = frozenset({"adjudicate.reviews", "uvicorn.access"})
"""Loggers whose lines are all written: one for each ad that was paid for with a review, and one for
each request, which `JINA_LOG_LEVEL` must ask for."""

BURST, REFILL_S = 20, 5.0
TOGETHER, TOGETHER_S = 300, 0.1
MAX_KINDS = 1_000
"""Kinds that are told apart; the one that was quiet longest is forgotten first."""
QUIET_S = 60.0
"""After which the rest of a flood that has ended is told."""

LogKind = tuple[str, int, str, str]


class _Bucket:
    def __init__(self, burst: int, refill_s: float, now: float) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._tokens = float(burst)
        self._filled = now
        self.at = now
        """When it was last asked."""
        self.left_out = 0

    def take(self, now: float) -> bool:
        grown = (now - self._filled) / self._refill_s
        self._tokens = min(self._burst, self._tokens + grown)
        self._filled = self.at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class FloodBound:
    """Decides which records are written. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: OrderedDict[LogKind, _Bucket] = OrderedDict()
        self._forgotten: list[tuple[LogKind, _Bucket]] = []
        self._together = _Bucket(TOGETHER, TOGETHER_S, clock())
        self._looked = clock()

    def admit(self, record: logging.LogRecord) -> list[logging.LogRecord]:
        """What is to be written now: the record or not, and what is due of floods before it."""
        if record.levelno < logging.INFO or record.name in ALWAYS:
            return [record]
        now = self._clock()
        with self._lock:
            due = list(self._ended(now))
            if self._taken(record, now):
                due.append(record)
        return due

    def rest(self) -> list[logging.LogRecord]:
        """What was left out and not told yet, for the end of the process."""
        with self._lock:
            kinds = [*self._forgotten, *self._kinds.items()]
            found = [_told(kind, bucket) for kind, bucket in kinds if bucket.left_out]
            self._kinds.clear()
            self._forgotten.clear()
        return found

    def _taken(self, record: logging.LogRecord, now: float) -> bool:
        kind = _kind(record)
        bucket = self._kinds.get(kind)
        if bucket is None:
            bucket = self._kinds[kind] = _Bucket(BURST, REFILL_S, now)
            if len(self._kinds) > MAX_KINDS:
                self._forgotten.append(self._kinds.popitem(last=False))
        self._kinds.move_to_end(kind)
        if not bucket.take(now) or not self._together.take(now):
            bucket.left_out += 1
            return False
        if bucket.left_out:
            record.fields = {**getattr(record, "fields", {}), "left_out": bucket.left_out}
            bucket.left_out = 0
        return True

    def _ended(self, now: float) -> Iterator[logging.LogRecord]:
        if now - self._looked < QUIET_S:
            return
        self._looked = now
        forgotten, self._forgotten = self._forgotten, []
        for kind, bucket in (*forgotten, *self._kinds.items()):
            if bucket.left_out and now - bucket.at >= QUIET_S:
                yield _told(kind, bucket)


def _kind(record: logging.LogRecord) -> LogKind:
    """Who says what, before the values are put in; `kind` parts lines that say the same."""
    return record.name, record.levelno, str(record.msg)[:200], getattr(record, "kind", "")


def _told(kind: LogKind, bucket: _Bucket) -> logging.LogRecord:
    name, level, message, parted = kind
    record = logging.LogRecord(name, level, "", 0, message, None, None)
    which = {"kind": parted} if parted else {}
    record.fields = {**which, "left_out": bucket.left_out, "ended": True}
    bucket.left_out = 0
    return record
