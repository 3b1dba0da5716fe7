"""How often active and shadow thresholds agreed, since the room started."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from adjudicate.documents import Case

NAMES = {
    (True, True): "shadow_both_flag",
    (True, False): "shadow_passes_flagged",
    (False, True): "shadow_flags_passed",
    (False, False): "shadow_both_pass",
}
"""By (flagged, shadow flagged). The audit sample counts as what the screen found: not flagged."""


class ShadowCounts:
    """Safe between threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, cases: Iterable[Case]) -> None:
        """Count the screened cases that a shadow looked at."""
        new = Counter(
            NAMES[case.flagged and not case.audit, case.shadow_flagged]
            for case in cases
            if case.shadow_flagged is not None and case.problem is None
        )
        with self._lock:
            self._counts.update(new)

    def counters(self) -> dict[str, int]:
        """For the room's status; empty while there was no shadow."""
        with self._lock:
            return dict(self._counts)
