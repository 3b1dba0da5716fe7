"""The library's indexes follow the table in SQL: one set of them per encoder version."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

from executors.library.index.base import MakeIndex
from executors.library.index.exact import ExactIndex
from executors.library.index.places import Places
from executors.library.index.snapshot import Snapshot
from executors.library.store import Entry

KEPT = 2
"""Encoder versions that are kept: the one that serves, and the one that it is replaced by."""
COMPACT_FROM = 4_096
"""Dead places below which their memory is not worth a reload."""

logger = logging.getLogger(__name__)


class Source(Protocol):
    """What is followed: `ExemplarStore`."""

    def version(self) -> int:
        """Moved by each change."""
        ...

    def changes_since(self, version: int, encoder_version: str) -> tuple[int, Iterable[Entry]]:
        """The version now, and what changed after `version`."""
        ...


def exact_index(_encoder_version: str, _modality: str) -> ExactIndex:
    """The default of `MakeIndex`."""
    return ExactIndex()


class FollowingIndex:
    """Its snapshots are as new as the table was when they were asked for.

    So a replica sees what another one added, and an exemplar counts from the moment that its
    addition was answered. Everything here can be thrown away: SQL is the truth.
    """

    def __init__(self, store: Source, make: MakeIndex = exact_index, keep: int = KEPT) -> None:
        self._store = store
        self._make = make
        self._keep = keep
        self._followed: OrderedDict[str, _Followed] = OrderedDict()
        self._lock = threading.Lock()

    def current(self, encoder_version: str) -> Snapshot:
        """The exemplars with their embeddings of this encoder, at the table's version now.

        Blocks while changes are read; the first call for an encoder reads everything. Raises what
        the database or an index raises.
        """
        with self._lock:
            followed = self._followed.get(encoder_version)
            if followed is None:
                followed = _Followed(self._store, encoder_version, self._make)
                self._followed[encoder_version] = followed
            self._followed.move_to_end(encoder_version)
            left = [self._followed.popitem(last=False)[1] for _ in range(self._excess())]
        for one in left:
            _close_later(one)
        return followed.current()

    def loaded(self) -> tuple[Snapshot, ...]:
        """The snapshots that there are, the last used last; reads nothing."""
        with self._lock:
            followed = list(self._followed.values())
        return tuple(one.snapshot for one in followed if one.snapshot is not None)

    def wait(self) -> None:
        """Until no index is being compacted."""
        with self._lock:
            followed = list(self._followed.values())
        for one in followed:
            one.wait()

    def close(self) -> None:
        """End the indexes' threads and connections."""
        with self._lock:
            followed = list(self._followed.values())
            self._followed.clear()
        for one in followed:
            one.close()

    def _excess(self) -> int:
        return max(0, len(self._followed) - self._keep)


def _close_later(what: _Followed | Places) -> None:
    """An ad does not wait for what an index that it does not use has begun."""
    threading.Thread(target=what.close, daemon=True).start()


class _Followed:
    """The indexes of one encoder version."""

    def __init__(self, store: Source, encoder_version: str, make: MakeIndex) -> None:
        self._store = store
        self._encoder_version = encoder_version
        self._make = make
        self._lock = threading.Lock()
        self._places = Places(encoder_version, make)
        self._version = -1
        self._compacting: threading.Thread | None = None
        self.snapshot: Snapshot | None = None

    def current(self) -> Snapshot:
        snapshot = self.snapshot
        if snapshot is not None and snapshot.version == self._store.version():
            return snapshot
        with self._lock:
            now = self._store.version()
            if self.snapshot is None or self.snapshot.version != now:
                if now < self._version:
                    # A table that went back is another table: a restored backup.
                    _close_later(self._places)
                    self._places = Places(self._encoder_version, self._make)
                    self._version = -1
                self._version = self._read(self._places, self._version)
                self.snapshot = self._places.snapshot(self._version)
                self._compact_when_due()
            return self.snapshot

    def wait(self) -> None:
        compacting = self._compacting
        if compacting is not None:
            compacting.join()

    def close(self) -> None:
        self.wait()
        self._places.close()

    def _read(self, places: Places, version: int) -> int:
        now, changed = self._store.changes_since(version, self._encoder_version)
        places.apply(changed)
        return now

    def _compact_when_due(self) -> None:
        places = self._places
        if self._compacting is None and places.dead > max(COMPACT_FROM, places.alive):
            self._compacting = threading.Thread(target=self._compact, args=(places,), daemon=True)
            self._compacting.start()

    def _compact(self, old: Places) -> None:
        """Load everything anew, beside the old, which serves meanwhile."""
        fresh = Places(self._encoder_version, self._make)
        try:
            version = self._read(fresh, -1)
            with self._lock:
                if self._places is old:
                    version = self._read(fresh, version)
                    self._places, fresh = fresh, old
                    self._version = version
                    self.snapshot = self._places.snapshot(version)
        except Exception:
            logger.exception("the index could not be compacted; the old one serves on")
        finally:
            self._compacting = None
            fresh.close()
