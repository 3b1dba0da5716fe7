"""The queue as it is read: one case, a page of them, counts, and what people answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from adjudicate.documents import QueueAsk, QueueCounts, QueueItem, Review
from adjudicate.errors import AdError, Code
from executors.ledger.appeals.tables import APPEALS
from executors.ledger.keys import rows_with
from executors.ledger.queue.tables import CASES, REVIEWS
from executors.ledger.times import stamp

FILTERS = ("kind", "rule", "category", "advertiser", "market", "product", "language", "stage")
"""Fields of an ask or a claim that a case must have as they are, where they are not empty."""

MOST = 1_000
MOST_OFFSET = 10**9
COUNTED = 20
"""Rules and categories that counts name."""

_ITEM = (
    *("kind", "stage", "state", "priority", "rule", "category", "outcome", "reason", "confidence"),
    *("ad_id", "advertiser", "market", "product", "language", "excerpt", "picture"),
    *("queued_at", "settled_at"),
)
_LEASE = ("lease_by", "lease_name", "lease_until")
_REVIEW = (
    *("answer", "rule", "note", "number", "by", "by_name", "kind", "stage", "at"),
    *("undone_at", "undone_by"),
)
IN_TURN = (CASES.c.due, CASES.c.queued_at, CASES.c.decision_id)
"""The order in which cases are given out: by priority and age."""
_ORDERS = {
    "priority": IN_TURN,
    "oldest": (CASES.c.queued_at, CASES.c.decision_id),
    "newest": (CASES.c.queued_at.desc(), CASES.c.decision_id.desc()),
}
_DAY = 86_400


def items(connection: Connection, decision_ids: Collection[str]) -> dict[str, QueueItem]:
    """The cases of those decisions that have one, by decision."""
    rows = rows_with(connection, select(CASES), CASES.c.decision_id, list(decision_ids))
    return _items(connection, list(rows))


def item(connection: Connection, decision_id: str) -> QueueItem:
    """The case of a decision. Raises `AdError` `not_found`."""
    found = items(connection, [decision_id]).get(decision_id)
    if found is None:
        raise AdError(Code.NOT_FOUND, f"decision {decision_id[:50]!r} is not in the queue")
    return found


def page(connection: Connection, asked: QueueAsk) -> list[QueueItem]:
    """A page of the queue. Raises `AdError` `invalid_field`, and `not_found` for one case."""
    if asked.decision_id:
        return [item(connection, asked.decision_id)]
    if asked.sort not in _ORDERS:
        raise AdError(Code.INVALID_FIELD, f"sort must be one of {', '.join(_ORDERS)}")
    if not 1 <= asked.limit <= MOST:
        raise AdError(Code.INVALID_FIELD, f"limit must be from 1 to {MOST:,}")
    if not 0 <= asked.offset <= MOST_OFFSET:
        raise AdError(Code.INVALID_FIELD, f"offset must be from 0 to {MOST_OFFSET:,}")
    query = _chosen(select(CASES), asked).order_by(*_ORDERS[asked.sort])
    rows = connection.execute(query.limit(asked.limit).offset(asked.offset)).all()
    return list(_items(connection, rows).values())


def counts(connection: Connection, asked: QueueAsk) -> QueueCounts:
    """How many of the open cases that the filters choose are of which kind, rule and so on."""
    table = CASES.c
    groups = (table.kind, table.stage, table.rule, table.category, table.market)
    open_ = QueueAsk(**{**dict(asked), "state": "open"})
    total = func.count().label("total")
    query = _chosen(select(*groups, total, func.min(table.queued_at).label("oldest")), open_)
    rows = connection.execute(query.group_by(*groups)).all()
    number = select(func.count()).select_from(CASES)
    free = _chosen(number, QueueAsk(**{**dict(open_), "free": True}))
    mine = _chosen(number, QueueAsk(**{**dict(open_), "mine": True}))
    return QueueCounts(
        open=sum(row.total for row in rows),
        free=connection.scalar(free) or 0,
        mine=connection.scalar(mine) or 0,
        settled_today=connection.scalar(number.where(table.settled_at >= stamp(-_DAY))) or 0,
        oldest_at=min((row.oldest for row in rows), default=""),
        **{f"by_{group.name}": _totals(rows, group.name) for group in groups},
    )


def reviews_of(connection: Connection, decision_id: str) -> list[Review]:
    """What people answered to a case, the first first, with what they took back."""
    query = select(REVIEWS).where(REVIEWS.c.decision_id == decision_id).order_by(REVIEWS.c.number)
    return [review_of(row) for row in connection.execute(query)]


def review_of(row: Row[Any]) -> Review:
    """The document of a row of `reviews`."""
    return Review(id=row.decision_id, **{name: getattr(row, name) for name in _REVIEW})


def filtered(asked: Any) -> list[ColumnElement[bool]]:
    """What the filters of an ask or a claim demand of a case."""
    return [CASES.c[name] == getattr(asked, name) for name in FILTERS if getattr(asked, name)]


def free() -> ColumnElement[bool]:
    """That nobody holds a lease, which has not ended."""
    return or_(CASES.c.lease_by == "", CASES.c.lease_until <= stamp())


def held(by: str) -> ColumnElement[bool]:
    """That `by` holds a lease, which has not ended."""
    return (CASES.c.lease_by == by) & (CASES.c.lease_until > stamp())


def _chosen(query: Select[Any], asked: QueueAsk) -> Select[Any]:
    query = query.where(*filtered(asked))
    if asked.state:
        query = query.where(CASES.c.state == asked.state)
    if asked.mine:
        query = query.where(held(asked.by))
    if asked.free:
        query = query.where(free())
    if asked.text:
        columns = (CASES.c.excerpt, CASES.c.ad_id, CASES.c.advertiser)
        query = query.where(
            or_(*(column.icontains(asked.text, autoescape=True) for column in columns))
        )
    return query


def _items(connection: Connection, rows: Collection[Row[Any]]) -> dict[str, QueueItem]:
    appealed = [row.decision_id for row in rows if row.kind == "appeal" and row.state == "open"]
    opened = select(APPEALS.c.decision_id, APPEALS.c.id).where(APPEALS.c.state == "open")
    appeals = {
        row.decision_id: row.id
        for row in rows_with(connection, opened, APPEALS.c.decision_id, appealed)
    }
    now = stamp()
    return {
        row.decision_id: QueueItem(
            id=row.decision_id,
            **{name: getattr(row, name) for name in _ITEM},
            **{name: getattr(row, name) for name in _LEASE if row.lease_until > now},
            appeal_id=appeals.get(row.decision_id, ""),
        )
        for row in rows
    }


def _totals(rows: Collection[Row[Any]], name: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for row in rows:
        totals[getattr(row, name)] += row.total
    return dict(totals.most_common(COUNTED))
