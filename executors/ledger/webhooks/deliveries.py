"""The messages of the outbox: which are due, what became of an attempt, and how they are listed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from adjudicate.documents import DeliveryAsk, WebhookDelivery
from adjudicate.errors import AdError, Code
from executors.ledger.times import stamp
from executors.ledger.webhooks.tables import DELIVERIES

MOST = 1_000
MOST_OFFSET = 10**9
MOST_ERROR = 500

FIRST_DELAY_S, FACTOR, MOST_DELAY_S = 5.0, 4.0, 12 * 3_600.0
"""Between attempts: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 5.7 h, then 12 h."""
JITTER = 0.2
"""By which a delay is longer or shorter, so that what failed together is not tried together."""

_STATES = ("pending", "delivered", "dead")
_FIELDS = (
    *("event", "subject", "state", "attempts", "next_at", "status", "error"),
    *("created_at", "delivered_at"),
)


def delay_s(attempts: int, retry_after_s: float = 0.0) -> float:
    """Seconds until the next attempt, after so many; not before what the receiver asked for."""
    grown = min(FIRST_DELAY_S * FACTOR ** (attempts - 1), MOST_DELAY_S)
    asked = min(retry_after_s, MOST_DELAY_S)
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - keeps attempts apart
    return max(grown * spread, asked)


def take_due(connection: Connection, limit: int, lease_s: float) -> Sequence[Row[Any]]:
    """Messages whose time has come, the oldest first, as they were before. They are this sender's
    for `lease_s`: of two ledgers one sends a message, and what a process took that died is taken
    again."""
    table = DELIVERIES.c
    query = select(DELIVERIES).where(table.state == "pending", table.next_at <= stamp())
    query = query.order_by(table.next_at, table.number).limit(limit)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    if rows:
        taken = table.number.in_([row.number for row in rows])
        values = {"next_at": stamp(lease_s), "attempts": table.attempts + 1}
        connection.execute(update(DELIVERIES).where(taken).values(**values))
    return rows


def delivered(connection: Connection, number: int, status: int) -> None:
    """The receiver has taken it."""
    values = {"state": "delivered", "next_at": "", "status": status, "error": ""}
    _set(connection, number, {**values, "delivered_at": stamp()})


def failed(
    connection: Connection,
    row: Row[Any],
    status: int,
    error: str,
    *,
    give_up_s: float,
    retry_after_s: float = 0.0,
    final: bool = False,
) -> bool:
    """An attempt failed; whether the message is dead: `final`, or its next attempt would be later
    than `give_up_s` after it was written. `row`: as it was taken."""
    wait = delay_s(row.attempts + 1, retry_after_s)
    dead = final or stamp(wait - give_up_s) > row.created_at
    values = {"status": status, "error": error[:MOST_ERROR]}
    values |= {"state": "dead", "next_at": ""} if dead else {"next_at": stamp(wait)}
    _set(connection, row.number, values)
    return dead


def page(connection: Connection, asked: DeliveryAsk) -> list[WebhookDelivery]:
    """One by its id, or a page, the newest first. Raises `AdError` `not_found`, `invalid_field`."""
    query = select(DELIVERIES).order_by(DELIVERIES.c.number.desc())
    if asked.id:
        rows = connection.execute(query.where(DELIVERIES.c.id == asked.id)).all()
        if not rows:
            raise AdError(Code.NOT_FOUND, f"there is no message {asked.id[:50]!r}")
        return [delivery_of(row) for row in rows]
    if asked.state and asked.state not in _STATES:
        raise AdError(Code.INVALID_FIELD, f"state must be one of {', '.join(_STATES)}")
    if not (1 <= asked.limit <= MOST and 0 <= asked.offset <= MOST_OFFSET):
        detail = f"limit must be from 1 to {MOST:,}, offset from 0 to {MOST_OFFSET:,}"
        raise AdError(Code.INVALID_FIELD, detail)
    if asked.state:
        query = query.where(DELIVERIES.c.state == asked.state)
    rows = connection.execute(query.limit(asked.limit).offset(asked.offset)).all()
    return [delivery_of(row) for row in rows]


def retry(connection: Connection, asked: DeliveryAsk) -> list[WebhookDelivery]:
    """Try a message anew, or all that are dead, as if they were written now. The ids stay.

    Raises `AdError` `not_found` and, for one that was delivered, `case_settled`.
    """
    chosen = DELIVERIES.c.state == "dead"
    if asked.id:
        (one,) = page(connection, asked)
        if one.state == "delivered":
            raise AdError(Code.CASE_SETTLED, f"message {one.id} was delivered {one.delivered_at}")
        chosen = DELIVERIES.c.id == asked.id
    query = select(DELIVERIES.c.number).where(chosen).order_by(DELIVERIES.c.number)
    numbers = list(connection.scalars(query.limit(MOST).with_for_update()))
    again = DELIVERIES.c.number.in_(numbers)
    anew = {"state": "pending", "attempts": 0, "next_at": stamp(), "created_at": stamp()}
    connection.execute(update(DELIVERIES).where(again).values(**anew))
    rows = connection.execute(select(DELIVERIES).where(again).order_by(DELIVERIES.c.number))
    return [delivery_of(row) for row in rows]


def delivery_of(row: Row[Any]) -> WebhookDelivery:
    """The document of a row of `webhook_deliveries`."""
    return WebhookDelivery(id=row.id, **{name: getattr(row, name) for name in _FIELDS})


def _set(connection: Connection, number: int, values: dict[str, Any]) -> None:
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.number == number).values(**values))
