"""Which thresholds count now, for each encoder: the table's, or the file's where it has none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from adjudicate.documents import ThresholdVersion
from executors.library.threshold_versions import ThresholdStore, as_thresholds
from executors.library.thresholds import Thresholds

FOLLOW_S = 1.0
"""How old the knowledge of the table may be: another replica's change counts after this long."""

logger = logging.getLogger(__name__)


class InForce(NamedTuple):
    """The thresholds that decide, and those that are only watched."""

    active: Thresholds
    shadow: Thresholds | None


@dataclass(frozen=True)
class _Known:
    by_encoder: Mapping[str, InForce] = field(default_factory=dict)
    until: float = 0.0
    """On the clock."""


class ThresholdsInForce:
    """Follows the table. Safe between threads; blocks for one small query a second at most."""

    def __init__(
        self,
        file: Thresholds,
        store: ThresholdStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self._store = store
        self._clock = clock
        self._known = _Known()
        self._lock = threading.Lock()
        self._warned: set[str] = set()
        self._last_encoder = file.encoder

    def current(self, encoder_version: str) -> InForce:
        """The active and the shadow thresholds for ads of this encoder version.

        Raises `SQLAlchemyError` when the table cannot be read.
        """
        known = self._following()
        self._last_encoder = encoder_version or self._last_encoder
        found = known.by_encoder.get(encoder_version, InForce(self.file, None))
        if found.active is self.file:
            self._warn_of_another(encoder_version)
        return found

    @property
    def last_encoder(self) -> str:
        """The encoder version that was last asked for; before the first, the file's."""
        return self._last_encoder

    def forget(self) -> None:
        """Read the table at the next call: this process has just changed it."""
        with self._lock:
            self._known = _Known(self._known.by_encoder)

    def mismatch(self, encoder_version: str) -> str:
        """What is wrong with the file's thresholds for this encoder; empty when nothing is."""
        file = self.file
        if not file.encoder or not encoder_version or file.encoder == encoder_version:
            return ""
        return f"{file.source} was measured with encoder {file.encoder}, not {encoder_version}"

    def facts(self) -> dict[str, str]:
        """For the room's status, about the encoder that was last asked for. Raises as `current`."""
        active, shadow = self.current(self._last_encoder)
        stored = active is not self.file
        facts = {"thresholds": active.source if stored else f"{active.source} {active.version}"}
        facts["near_duplicate"] = f"{self.file.ceiling:g}"
        if shadow is not None:
            facts["shadow thresholds"] = f"version {shadow.version}"
        if not stored and (mismatch := self.mismatch(self._last_encoder)):
            facts["thresholds warning"] = mismatch
        return facts

    def _following(self) -> _Known:
        known = self._known
        if self._clock() < known.until:
            return known
        with self._lock:
            if self._clock() >= self._known.until:
                until = self._clock() + FOLLOW_S
                self._known = _Known(self._read(), until)
            return self._known

    def _read(self) -> dict[str, InForce]:
        found: dict[str, InForce] = {}
        # Active before shadow.
        for version in sorted(self._store.in_force(), key=lambda version: version.state):
            encoder = version.encoder_version
            known = found.get(encoder, InForce(self.file, None))
            thresholds = self._thresholds(version)
            if version.state == "active":
                found[encoder] = InForce(thresholds, known.shadow)
            else:
                found[encoder] = InForce(known.active, thresholds)
        return found

    def _thresholds(self, version: ThresholdVersion) -> Thresholds:
        # The same object for the same version, so that what is derived from it can be kept.
        for known in self._known.by_encoder.values():
            for held in known:
                if held is not None and held.version == version.id and held is not self.file:
                    return held
        return as_thresholds(version, self.file.ceiling)

    def _warn_of_another(self, encoder_version: str) -> None:
        mismatch = self.mismatch(encoder_version)
        if mismatch and encoder_version not in self._warned:
            self._warned.add(encoder_version)
            logger.warning("%s: calibrate, or name its own file", mismatch)
