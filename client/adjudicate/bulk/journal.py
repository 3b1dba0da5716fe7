"""The out file while it is written: a line of JSON per decision, none lost and none twice."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from adjudicate.documents import Decision

SYNC_S = 5.0
"""Seconds of decisions that a failure of the power may cost; a kill costs none."""


class Journal:
    """Appends decisions to a file that one process at a time may write."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open or create, and lock. Raises `ValueError` while another run writes it."""
        self.path = path
        self._clock = clock
        self._synced = clock()
        # Unbuffered: a decision is the kernel's before the next one comes, so no kill undoes it.
        self._file: BinaryIO = path.open("ab+", buffering=0)
        try:
            _lock(self._file, path)
        except BaseException:
            self._file.close()
            raise

    def records(self) -> Iterator[dict[str, Any]]:
        """What stands. A torn last line is cut off first.

        Raises `ValueError` for a line that is no decision of a bulk review.
        """
        self._cut()
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    record = json.loads(line)
                    known = isinstance(record["row"], int) and isinstance(record["outcome"], str)
                except (ValueError, KeyError, TypeError):
                    known = False
                if not known:
                    raise ValueError(f"{self.path}, line {number} is no decision of a review.")
                yield record

    def add(self, row: int, ad_id: str, decision: Decision) -> None:
        """Write a line. Raises `OSError`, as of a full disk."""
        # The decision's own JSON, behind the row: it is not parsed and written once more.
        text = decision.model_copy(update={"ad_id": ad_id}).model_dump_json()
        self.append(f'{{"row":{row},{text[1:]}')

    def append(self, line: str) -> None:
        """Write a line as it is."""
        left = memoryview(f"{line}\n".encode())
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(self.path)) from None
        if self._clock() - self._synced >= SYNC_S:
            self.sync()

    def sync(self) -> None:
        """Wait until what is written survives a failure of the power."""
        os.fsync(self._file.fileno())
        self._synced = self._clock()

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> int:
        """Drop the lines that are not wanted; how many. A kill leaves the old file or the new."""
        part = self.path.with_name(f"{self.path.name}.part")
        part.unlink(missing_ok=True)
        new = Journal(part, clock=self._clock)
        dropped = 0
        for record in self.records():
            if wanted(record):
                new.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
            else:
                dropped += 1
        new.sync()
        part.replace(self.path)
        self._file.close()
        self._file = new._file
        return dropped

    def clear(self) -> None:
        """Drop everything."""
        self._file.truncate(0)

    def close(self) -> None:
        """Give the file free."""
        self._file.close()

    def _cut(self) -> None:
        size = end = self._file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            self._file.seek(start)
            if (found := self._file.read(end - start).rfind(b"\n")) >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            self._file.truncate(end)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"Another run is writing {path}; wait for it, or stop it.") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise  # a file system without locks is no reason not to write
