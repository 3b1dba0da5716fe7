"""A person's ruling on one ad, carried over to its near-duplicates: preview, apply, undo."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docarray import DocList
from sqlalchemy import Connection, Engine, insert, select

from adjudicate.documents import Propagation, PropagationItem, Ruling
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.keys import rows_with
from executors.ledger.learning.near import Near, nearest
from executors.ledger.learning.source import Source, past, queued, source_of, window_of
from executors.ledger.learning.status import concerned, item_of, skip_of, statuses
from executors.ledger.queue.rulings import lock_cases, put_ruling, settle
from executors.ledger.store import DECISIONS, PROPAGATION_ITEMS, PROPAGATIONS
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Fact, Outbox
from executors.shared.database import writing

_ITEM = ("source", "distance", "same_copy", "whole")

MOST = 1_000
"""Near-duplicates that are listed, and settled at a time."""
_LOOKED_AT = 20_000
"""The nearest of all that are near: most of them may be settled so already."""
_MOST_NOTE = 10_000
LEADS = ("lead", "admin")
ROW = (
    *("id", "decision_id", "outcome", "rule", "past", "since", "until", "note"),
    *("by", "by_name", "at"),
)
"""Fields of the document that are columns of the table, beside those of its undoing."""


@dataclass(frozen=True)
class Propagations:
    """Carries rulings over. Blocking: call it from a thread."""

    engine: Engine
    distance: int
    """Bits in which the PDQ hashes of two copies of a picture may differ."""
    outbox: Outbox

    def preview(self, asked: Propagation) -> Propagation:
        """What would happen; nothing does.

        Raises `AdError`: `not_found`, `not_settled`, `forbidden` to a reviewer for past decisions,
        `invalid_field`.
        """
        asked = _checked(asked)
        with self.engine.connect() as connection:
            source = source_of(connection, asked.decision_id)
            near = self._near(connection, source, asked)
            return _answered(asked, source, _items(connection, source, near, asked))

    def apply(self, asked: Propagation) -> Propagation:
        """Settle the near-duplicates, those of `only` if it names any, and return what was done
        with each. What has changed since the preview is skipped, and the answer says why.

        Raises `AdError` as `preview`, and `invalid_field` for one of `only` that is no
        near-duplicate.
        """
        asked = _checked(asked)
        with self.engine.connect() as connection:
            source = source_of(connection, asked.decision_id)
            near = self._near(connection, source, asked)
            # What is settled so already need not be locked: it may be most of what is near.
            items = _items(connection, source, near, asked)
        wanted = set(asked.only) or {item.id or "" for item in items[:MOST]}
        near = [one for one in near if one.decision_id in wanted]
        if other := wanted.difference(one.decision_id for one in near):
            detail = f"no near-duplicate of {source.decision_id}: {min(other)[:50]}"
            raise AdError(Code.INVALID_FIELD, detail)
        with writing(self.engine) as connection:
            ids = sorted(one.decision_id for one in near)
            _lock(connection, [*ids, source.decision_id])
            lock_cases(connection, [*ids, source.decision_id])
            source = source_of(connection, asked.decision_id)
            items = _items(connection, source, near, asked)
            done = self._applied(connection, asked, source, items)
        self.outbox.wake.set()
        return done

    def _applied(
        self,
        connection: Connection,
        asked: Propagation,
        source: Source,
        items: Sequence[PropagationItem],
    ) -> Propagation:
        done = _answered(asked, source, items)
        chosen = [item for item in done.items if not item.skipped]
        if not chosen:
            return done
        done.id, done.at = uuid.uuid4().hex, stamp()
        added = insert(PROPAGATIONS).values(_row(done)).returning(PROPAGATIONS.c.number)
        number = connection.scalar(added)
        rows = [
            {
                "propagation": number,
                "decision_id": item.id,
                "state": "applied",
                **{name: getattr(item, name) for name in _ITEM},
            }
            for item in chosen
        ]
        connection.execute(insert(PROPAGATION_ITEMS), rows)
        for item in chosen:
            item.state = "applied"
            put_ruling(connection, _ruling(done, item))
            self._tell(connection, done, item)
        settle(connection, [item.id or "" for item in chosen if item.source == "queue"], done.at)
        append(connection, [deed("propagated", done, item, done.by) for item in chosen])
        return done

    def _tell(self, connection: Connection, done: Propagation, item: PropagationItem) -> None:
        data: dict[str, Fact] = {
            "ad_id": item.ad_id,
            "outcome": done.outcome,
            "rule": done.rule,
            "source": "propagation",
            "at": done.at,
            "changed": item.outcome != done.outcome,
        }
        self.outbox.add(connection, "decision.settled", item.id or "", data)

    def _near(self, connection: Connection, source: Source, asked: Propagation) -> list[Near]:
        """The queue's, then those of the past, each the nearest first."""
        parts = [queued(connection, source)]
        if asked.past:
            if source.outcome != "reject":
                detail = "an approval is carried over to the queue's escalations only"
                raise AdError(Code.INVALID_FIELD, detail)
            parts.append(past(connection, source, asked.since, asked.until))
        found: dict[str, Near] = {}
        for part in parts:
            for near in nearest(part, source.content, self.distance, _LOOKED_AT).nearest:
                found.setdefault(near.decision_id, near)
        return list(found.values())


def _items(
    connection: Connection, source: Source, near: Sequence[Near], asked: Propagation
) -> list[PropagationItem]:
    now = stamp()
    known = statuses(connection, [one.decision_id for one in near])
    items = []
    for one in near:
        status = known.get(one.decision_id)
        if status is not None and concerned(status, source.outcome):
            skipped = skip_of(status, one, source.outcome, asked.by, now)
            items.append(item_of(status, one, skipped))
    return items


def _answered(asked: Propagation, source: Source, items: Sequence[PropagationItem]) -> Propagation:
    """The request with what was found; the first `MOST` of it."""
    listed = list(items)[:MOST]
    return asked.model_copy(
        update={
            "outcome": source.outcome,
            "rule": source.rule,
            "items": DocList[PropagationItem](listed),
            "found": len(items),
            "applied": sum(not item.skipped for item in listed),
        }
    )


def _lock(connection: Connection, ids: Sequence[str]) -> None:
    """Hold the decisions, in the order of their ids, until the transaction ends. Before their
    cases, as an appeal does; and not the lock that others wait for who refer to a decision."""
    query = select(DECISIONS.c.id).order_by(DECISIONS.c.id).with_for_update(key_share=True)
    list(rows_with(connection, query, DECISIONS.c.id, sorted(ids)))


def _row(done: Propagation) -> dict[str, Any]:
    return {**{name: getattr(done, name) for name in ROW}, "undone_at": "", "undone_by": ""}


def _ruling(done: Propagation, item: PropagationItem) -> Ruling:
    return Ruling(
        id=item.id,
        outcome=done.outcome,
        rule=done.rule,
        source="propagation",
        by=done.by,
        by_name=done.by_name,
        note=f"near-duplicate of {done.decision_id}",
        at=done.at,
    )


def deed(what: str, done: Propagation, item: PropagationItem, by: str) -> Deed:
    """For the audit trail: what happened to one near-duplicate."""
    facts = {
        "propagation": done.id,
        "from": done.decision_id,
        "outcome": done.outcome,
        "rule": done.rule,
        "distance": item.distance,
        "same_copy": item.same_copy,
    }
    return Deed(what, item.id or "", by, facts)


def _checked(asked: Propagation) -> Propagation:
    if not asked.decision_id or "\0" in asked.decision_id:
        raise AdError(Code.NOT_FOUND, "there is no decision without an id")
    if asked.past and asked.role not in LEADS:
        raise AdError(Code.FORBIDDEN, "past decisions take a lead (scope review-lead)")
    if len(asked.note) > _MOST_NOTE or "\0" in asked.note:
        raise AdError(Code.INVALID_FIELD, "note is too long, or has a NUL")
    since, until = window_of(asked) if asked.past else ("", "")
    return asked.model_copy(update={"since": since, "until": until})
