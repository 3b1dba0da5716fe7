"""The decisions of a window in numbers: counts of all of them, times of all or of a sample."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import JSON, ColumnElement, Connection, Engine, cast, func, select, type_coerce

from adjudicate.report.parts import Decided
from adjudicate.report.statistics import statistics_by_name
from adjudicate.report.window import Window
from executors.ledger.store import DECISIONS

MOST = 50_000
"""Decisions of a window whose times are read. Of more, every second, third … one is: which those
are has nothing to do with what they say."""

MOST_REASONS = 50
_PAGE = 1_000
_FLAGS = {"judged": "judged", "cached": "cached", "flagged": "flagged", "audit": "audited"}
_RENAMED = {"ledger": "ledger.decide"}
"""A decision is written with the time until then; its writing, only the gateway knows."""


class Reporting:
    """Reads what is recorded. Blocking: call it from a thread."""

    def __init__(self, engine: Engine, most: int = MOST) -> None:
        self._engine = engine
        self._most = most

    def decided(self, window: Window) -> Decided:
        """The window's decisions. Raises `SQLAlchemyError` when they cannot be read."""
        with self._engine.connect() as connection:
            series = self._counts(connection, window)
            outcomes = {name: sum(counts) for name, counts in series.items()}
            ads = sum(outcomes.values())
            codes = self._codes(connection, window) if outcomes.get("error") else {}
            flags: Counter[str] = Counter()
            reasons: Counter[str] = Counter()
            times: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
            read = 0
            for document in self._documents(connection, window, -(-ads // self._most)):
                read += 1
                reasons[next(iter(document["reasons"] or ()), "")] += 1
                for name, shown in _FLAGS.items():
                    flags[shown] += bool(document[name])
                for name, milliseconds in (document["timings"] or {}).items():
                    if milliseconds is not None:
                        times[_RENAMED.get(name, name)].append(milliseconds)
        columns = {name: np.frombuffer(all_of_it) for name, all_of_it in times.items()}
        return Decided(
            ads=ads,
            outcomes=outcomes,
            codes=codes,
            read=read,
            reasons=dict(reasons.most_common(MOST_REASONS)),
            stages=statistics_by_name(columns),
            series=series,
            **flags,
        )

    def _counts(self, connection: Connection, window: Window) -> dict[str, list[int]]:
        """Ads by outcome in each part of the window; an index leads to each part."""
        edges = [datetime.fromtimestamp(edge, UTC) for edge in window.edges]
        series: dict[str, list[int]] = {}
        for place, (since, until) in enumerate(pairwise(edges)):
            query = (
                select(DECISIONS.c.outcome, func.count())
                .where(*_between(since, until))
                .group_by(DECISIONS.c.outcome)
            )
            for outcome, count in connection.execute(query):
                series.setdefault(outcome, [0] * (len(edges) - 1))[place] = count
        return series

    def _codes(self, connection: Connection, window: Window) -> dict[str, int]:
        query = (
            select(DECISIONS.c.reasons, func.count())
            .where(DECISIONS.c.outcome == "error", *_between(window.since, window.until))
            .group_by(DECISIONS.c.reasons)
        )
        codes: dict[str, int] = defaultdict(int)
        for reasons, count in connection.execute(query):
            codes[next(iter(json.loads(reasons)), "")] += count
        return dict(codes)

    def _documents(
        self, connection: Connection, window: Window, every: int
    ) -> Iterator[dict[str, Any]]:
        """Of every decision, or every second, third …, its times and flags."""
        # SQLite reads JSON from text as it is; PostgreSQL wants it to be of that type.
        text = DECISIONS.c.document
        server = connection.dialect.name != "sqlite"
        document: Any = cast(text, JSON) if server else type_coerce(text, JSON)
        names = ("timings", "reasons", *_FLAGS)
        query = select(*(document[name] for name in names)).where(
            *_between(window.since, window.until)
        )
        if every > 1:
            query = query.where(DECISIONS.c.number % every == 0)
        rows = connection.execution_options(yield_per=_PAGE).execute(query)
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _between(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    at = DECISIONS.c.decided_at
    return at >= _written(since), at < _written(until)


def _written(moment: datetime) -> str:
    """As `decided_at` is written, so that its text sorts like its time."""
    return moment.isoformat(timespec="milliseconds")
