"""Propagations that were applied: read, and undone so that all is as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docarray import DocList
from sqlalchemy import Connection, Engine, Row, select, update

from adjudicate.documents import Propagation, PropagationAsk, PropagationItem
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import append
from executors.ledger.learning.near import Near
from executors.ledger.learning.propagation import LEADS, ROW, deed
from executors.ledger.learning.status import item_of, statuses
from executors.ledger.queue.rulings import drop_ruling, lock_cases, reopen, rulings_of
from executors.ledger.store import PROPAGATION_ITEMS, PROPAGATIONS
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Outbox
from executors.shared.database import writing

MOST_PAGE = 1_000
_MOST_OFFSET = 10**9


@dataclass(frozen=True)
class Applied:
    """What was carried over. Blocking: call it from a thread."""

    engine: Engine
    outbox: Outbox

    def page(self, ask: PropagationAsk) -> list[Propagation]:
        """The propagation of the ask's id with its items, or a page of them without, newest first.

        Raises `AdError`: `not_found`, `invalid_field`.
        """
        with self.engine.connect() as connection:
            if ask.id:
                return [_read(connection, ask.id)]
            if not (1 <= ask.limit <= MOST_PAGE and 0 <= ask.offset <= _MOST_OFFSET):
                raise AdError(Code.INVALID_FIELD, f"limit must be from 1 to {MOST_PAGE:,}")
            query = select(PROPAGATIONS).order_by(PROPAGATIONS.c.number.desc())
            if ask.decision_id:
                query = query.where(PROPAGATIONS.c.decision_id == ask.decision_id)
            rows = connection.execute(query.limit(ask.limit).offset(ask.offset)).all()
            return [_counted(connection, row) for row in rows]

    def undo(self, asked: Propagation) -> Propagation:
        """Take it back, or for those of `only`: their rulings go, and what was open in the queue is
        open again. What somebody has ruled on since, or appealed, is kept as it is.

        To undo again is harmless. Raises `AdError`: `not_found`, `forbidden` to a reviewer for
        another's propagation or one over past decisions, `invalid_field`.
        """
        with writing(self.engine) as connection:
            done = _read(connection, asked.id or "")
            _check(asked, done)
            chosen = [
                item
                for item in done.items
                if item.state == "applied" and (not asked.only or item.id in set(asked.only))
            ]
            self._undo(connection, asked, done, chosen)
        self.outbox.wake.set()
        return done

    def _undo(
        self,
        connection: Connection,
        asked: Propagation,
        done: Propagation,
        chosen: Sequence[PropagationItem],
    ) -> None:
        ids = [item.id or "" for item in chosen]
        cases = lock_cases(connection, [*ids, done.decision_id])
        rulings = rulings_of(connection, ids)
        known = statuses(connection, ids)
        for item in chosen:
            ruling, case = rulings.get(item.id or ""), cases.get(item.id or "")
            own = ruling is not None and (ruling.source, ruling.at, ruling.by) == (
                *("propagation", done.at, done.by),
            )
            item.state = "undone" if own and (case is None or case.state != "open") else "kept"
        undone = [item for item in chosen if item.state == "undone"]
        for item in undone:
            drop_ruling(connection, item.id or "")
            before = known[item.id or ""].outcome
            data = {"ad_id": item.ad_id, "outcome": before, "at": stamp()}
            self.outbox.add(connection, "decision.reopened", item.id or "", data)
        reopen(connection, [item.id or "" for item in undone if item.source == "queue"])
        _mark(connection, done, chosen)
        done.kept = sum(item.state == "kept" for item in done.items)
        if chosen and not any(item.state == "applied" for item in done.items):
            done.undone_at, done.undone_by = stamp(), asked.by
            values = {"undone_at": done.undone_at, "undone_by": done.undone_by}
            mine = PROPAGATIONS.c.id == done.id
            connection.execute(update(PROPAGATIONS).where(mine).values(**values))
        append(connection, [deed("propagation_undone", done, item, asked.by) for item in undone])


def _mark(connection: Connection, done: Propagation, items: Sequence[PropagationItem]) -> None:
    number = select(PROPAGATIONS.c.number).where(PROPAGATIONS.c.id == done.id).scalar_subquery()
    table = PROPAGATION_ITEMS.c
    for item in items:
        mine = table.propagation == number, table.decision_id == item.id
        connection.execute(update(PROPAGATION_ITEMS).where(*mine).values(state=item.state))


def _read(connection: Connection, propagation_id: str) -> Propagation:
    query = select(PROPAGATIONS).where(PROPAGATIONS.c.id == propagation_id).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise AdError(Code.NOT_FOUND, f"there is no propagation {propagation_id[:50]!r}")
    done = _counted(connection, row)
    items = PROPAGATION_ITEMS
    held = connection.execute(
        select(items).where(items.c.propagation == row.number).order_by(items.c.decision_id)
    ).all()
    known = statuses(connection, [one.decision_id for one in held])
    done.items = DocList[PropagationItem](
        _item(known[one.decision_id], one) for one in held if one.decision_id in known
    )
    return done


def _item(status: Any, row: Row[Any]) -> PropagationItem:
    item = item_of(status, Near(row.decision_id, row.distance, row.same_copy, whole=row.whole))
    item.source, item.state = row.source, row.state
    return item


def _counted(connection: Connection, row: Row[Any]) -> Propagation:
    table = PROPAGATION_ITEMS.c
    states = list(connection.scalars(select(table.state).where(table.propagation == row.number)))
    said = {name: getattr(row, name) for name in (*ROW, "undone_at", "undone_by")}
    kept = states.count("kept")
    return Propagation(**said, found=len(states), applied=states.count("applied"), kept=kept)


def _check(asked: Propagation, done: Propagation) -> None:
    if asked.role not in LEADS and (done.past or done.by != asked.by):
        detail = "another person's propagation, or one over past decisions, takes a lead to undo"
        raise AdError(Code.FORBIDDEN, detail)
    if other := set(asked.only).difference(item.id or "" for item in done.items):
        raise AdError(Code.INVALID_FIELD, f"not of this propagation: {min(other)[:50]}")
