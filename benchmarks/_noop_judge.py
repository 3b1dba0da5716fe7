"""The judge's room without a model: every ad is compliant, and no picture is decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from adjudicate.documents import Case, RoomStatus
from benchmarks._noop_settings import NoopSettings
from executors.judge import executor
from executors.judge.review import Review
from executors.shared.health.checks import Check

COMPLIANT = Review("compliant", 0.02, versions={"judge": "noop"})


class NoReviewer:
    """What the room asks of its reviewer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._judged = 0

    async def review(self, case: Case, deadline: float) -> Review:
        """`compliant`, after so many seconds."""
        if self._seconds:
            await asyncio.sleep(self._seconds)
        self._judged += 1
        return COMPLIANT

    def counters(self) -> Mapping[str, int]:
        """How many it has been asked."""
        return {"judged": self._judged}


class NoopJudge(executor.Judge):
    """The real room's door, without models: it can load none."""

    def open(self) -> None:
        reviewer = NoReviewer(NoopSettings().judge_ms / 1_000)
        self._reviewer = reviewer  # type: ignore[assignment]

    def describe(self) -> RoomStatus:
        return RoomStatus(room=self.room, model="none", counters=dict(self._reviewer.counters()))

    async def try_canary(self) -> None:
        """There is no model to ask."""

    def work_done(self) -> int:
        """As the real room's."""
        return self._reviewer.counters()["judged"]

    def checks(self) -> Mapping[str, Check]:
        """Nothing was loaded that could be missing."""
        return {}

    def shut(self) -> None:
        """Nothing was opened."""
