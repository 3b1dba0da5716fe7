"""The figures on learning and the overview, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from adjudicate.documents import Learning, Overview
from executors.ledger.learning import overview
from executors.ledger.learning.answers import read_answers
from executors.ledger.learning.estimates import fill
from executors.shared.quality.windows import window_hours

HOURS = 720.0


@dataclass(frozen=True)
class Estimating:
    """Blocking: call it from a thread."""

    engine: Engine
    confidence: float
    write: Callable[[], None]
    """Writes the counts that are still in memory."""

    def learning(self, asked: Learning) -> Learning:
        """What people's answers say. Raises `AdError` `invalid_field` for a window that cannot
        be."""
        asked.hours = window_hours(asked.hours, HOURS)
        begin = datetime.now(UTC) - timedelta(hours=asked.hours)
        begin = begin.replace(minute=0, second=0, microsecond=0)
        asked.since = begin.isoformat(timespec="milliseconds")
        self.write()
        with self.engine.connect() as connection:
            answers = read_answers(connection, asked.since)
        fill(asked, answers, self.confidence)
        return asked

    def overview(self, asked: Overview) -> Overview:
        """How the service did. Raises `AdError` `invalid_field` for a window that cannot be."""
        self.write()
        with self.engine.connect() as connection:
            overview.fill(connection, asked)
        return asked
