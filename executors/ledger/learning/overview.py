"""How the service does now, by the hour: read from counts, however many decisions there are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from docarray import DocList
from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from adjudicate.documents import Overview, OverviewHour
from adjudicate.errors import AdError, Code
from executors.ledger.learning.activity import OUTCOME, TOOK, TOOK_JUDGED, quantile
from executors.ledger.store import APPEALS, COUNTS, QUEUE
from executors.ledger.times import unix

HOURS = 24.0
MOST_HOURS = 744.0
"""A month."""

AGES = (("1h", 1), ("4h", 4), ("24h", 24), ("72h", 72))
"""Hours up to which an open case waits, and what that is called; beyond the last: `more`."""

_HOUR = len("2026-01-31T23")
_MOST_SETTLED = 50_000
"""Cases of a window whose times are read, the latest."""


def fill(connection: Connection, overview: Overview) -> None:
    """Write what is known of the document's window on it, by whole hours.

    Raises `AdError` `invalid_field` for a window that cannot be.
    """
    asked = overview.hours or HOURS
    if not math.isfinite(asked) or not 1 <= asked <= MOST_HOURS:
        raise AdError(Code.INVALID_FIELD, f"hours must be from 1 to {MOST_HOURS:g}")
    overview.hours = asked
    now = datetime.now(UTC)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    # The hour that has begun is one of them.
    begins = [this_hour - timedelta(hours=back) for back in range(math.ceil(asked) - 1, -1, -1)]
    overview.since, overview.now = _written(begins[0]), _written(now)
    _decided(connection, overview, [_written(begin) for begin in begins])
    _waiting(connection, overview, now)
    _settled(connection, overview)
    open_ = select(func.count()).select_from(APPEALS).where(APPEALS.c.state == "open")
    overview.appeals = connection.scalar(open_) or 0


def _decided(connection: Connection, overview: Overview, begins: Sequence[str]) -> None:
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    took: defaultdict[str, Counter[int]] = defaultdict(Counter)
    judged: defaultdict[str, Counter[int]] = defaultdict(Counter)
    counts = COUNTS.c
    query = select(counts.hour, counts.counted, counts.of, counts.ads).where(
        counts.hour >= overview.since[:_HOUR], counts.counted.in_([OUTCOME, TOOK, TOOK_JUDGED])
    )
    for row in connection.execute(query):
        if row.counted == OUTCOME:
            outcomes[row.hour][row.of] += row.ads
        else:
            (took if row.counted == TOOK else judged)[row.hour][int(row.of)] += row.ads
    # All the states there are: with them an index leads to the window.
    known = QUEUE.c.state.in_(["open", "settled"])
    queued = _by_hour(connection, QUEUE.c.queued_at, overview.since, known)
    settled = _by_hour(connection, QUEUE.c.settled_at, overview.since)
    overview.hourly = DocList[OverviewHour](
        OverviewHour(
            at=begin,
            ads=outcomes[hour].total(),
            outcomes=dict(outcomes[hour]),
            judged=judged[hour].total(),
            p50=quantile(took[hour], 0.5),
            p95=quantile(took[hour], 0.95),
            queued=queued.get(hour, 0),
            settled=settled.get(hour, 0),
        )
        for begin in begins
        for hour in [begin[:_HOUR]]
    )
    all_of_it: Counter[int] = sum(took.values(), Counter())
    of_judge: Counter[int] = sum(judged.values(), Counter())
    overview.outcomes = dict(sum(outcomes.values(), Counter[str]()))
    overview.ads, overview.judged = sum(overview.outcomes.values()), of_judge.total()
    overview.p50, overview.p95 = quantile(all_of_it, 0.5), quantile(all_of_it, 0.95)
    overview.judged_p50, overview.judged_p95 = quantile(of_judge, 0.5), quantile(of_judge, 0.95)


def _by_hour(
    connection: Connection, moment: Column[Any], since: str, *which: ColumnElement[bool]
) -> dict[str, int]:
    """Cases by the hour of one of their moments."""
    hour = func.substr(moment, 1, _HOUR)
    query = select(hour, func.count()).where(moment >= since, *which).group_by(hour)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _waiting(connection: Connection, overview: Overview, now: datetime) -> None:
    age = case(
        *(
            (QUEUE.c.queued_at > _written(now - timedelta(hours=hours)), name)
            for name, hours in AGES
        ),
        else_="more",
    )
    held = case((QUEUE.c.lease_until > _written(now), 1), else_=0)
    query = select(
        QUEUE.c.kind, age.label("age"), held.label("held"), func.count().label("cases")
    ).where(QUEUE.c.state == "open")
    kinds: Counter[str] = Counter()
    ages: Counter[str] = Counter({name: 0 for name, _ in (*AGES, ("more", 0))})
    for row in connection.execute(query.group_by(QUEUE.c.kind, age, held)):
        kinds[row.kind] += row.cases
        ages[row.age] += row.cases
        overview.claimed += row.cases if row.held else 0
    overview.waiting = kinds.total()
    overview.waiting_by_kind, overview.waiting_by_age = dict(kinds), dict(ages)
    oldest = select(func.min(QUEUE.c.queued_at)).where(QUEUE.c.state == "open")
    overview.oldest_at = connection.scalar(oldest) or ""


def _settled(connection: Connection, overview: Overview) -> None:
    at = QUEUE.c.settled_at
    query = select(QUEUE.c.queued_at, at).where(at >= overview.since).order_by(at.desc())
    rows = connection.execute(query.limit(_MOST_SETTLED)).all()
    overview.settled = sum(hour.settled for hour in overview.hourly)
    if rows:
        waited = [max(0, unix(settled_at) - unix(queued_at)) for queued_at, settled_at in rows]
        p50, p95 = np.quantile(np.asarray(waited, np.float64), [0.5, 0.95])
        overview.settle_p50_s, overview.settle_p95_s = float(p50), float(p95)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
