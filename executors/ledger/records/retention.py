"""What is past the time that it is kept goes, a batch at a time. See docs/records.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, delete, func, select, text, update

from adjudicate.documents import Expiry
from executors.ledger.audit.trail import Deed, append
from executors.ledger.records.forgetting import BATCH, delete_pictures, forget_copy, wiping
from executors.ledger.store import DECISIONS, EVIDENCE, QUEUE
from executors.ledger.times import stamp
from executors.shared.pictures import PictureStore
from executors.shared.settings import RetentionSettings

_DAY_S = 86_400.0
_LOCK = 7_260_803
"""Of PostgreSQL's advisory locks: any number that nobody else uses."""

_D, _E, _Q = DECISIONS.c, EVIDENCE.c, QUEUE.c
_ALL = EVIDENCE.join(DECISIONS, _E.decision_id == _D.id).outerjoin(QUEUE, _Q.decision_id == _D.id)
_NOBODY_WORKS_ON_IT = func.coalesce(_Q.state, "") != "open"
_ONLY_APPROVED = (_D.outcome == "approve", _Q.decision_id.is_(None))
"""Of an approved ad that came into the queue, the picture is kept as those of the others."""


@dataclass(frozen=True)
class Retention:
    """Blocking: call it from a thread. Safe beside another ledger that does the same."""

    engine: Engine
    pictures: PictureStore
    settings: RetentionSettings

    def expire(
        self, *, dry_run: bool = False, by: str = "service", stop: Callable[[], bool] = bool
    ) -> Expiry:
        """Delete, or only count, what is due; whether to go on is asked between batches.

        An ad that waits in the queue keeps all of it. Raises `OSError` when pictures cannot be
        deleted, and what the database raises.
        """
        if dry_run:
            return Expiry(by=by, **{name: self._count(due) for name, due in self._due().items()})
        answer = Expiry(dry_run=False, by=by)
        with _alone(self.engine) as alone:
            for name, due in self._due().items():
                while alone and not stop():
                    batch = self._next(due)
                    if not batch:
                        break
                    gone = getattr(self, f"_expire_{name}")(batch, by)
                    setattr(answer, name, getattr(answer, name) + gone)
            self.pictures.tidy()
        return answer

    def _due(self) -> dict[str, Select[Any]]:
        """By what is due, the rows of it. Whole decisions first: they take the rest with them."""
        days = self.settings
        kept = _E.picture_gone_at == ""
        approved, others = _before(days.approved_pictures_days), _before(days.pictures_days)
        pictures = (_E.decided_at < others) | ((_E.decided_at < approved) & _and(_ONLY_APPROVED))
        rows = select(_D.id, _E.picture, _E.picture_gone_at, _E.decided_at)
        every = DECISIONS.outerjoin(EVIDENCE, _E.decision_id == _D.id).outerjoin(
            QUEUE, _Q.decision_id == _D.id
        )
        decided = _D.decided_at < _before(days.decisions_days)
        joined = rows.select_from(_ALL).where(_NOBODY_WORKS_ON_IT).order_by(_E.decided_at)
        return {
            "decisions": rows.select_from(every)
            .where(decided, _NOBODY_WORKS_ON_IT)
            .order_by(_D.decided_at),
            # The later of both is a bound that the index knows.
            "pictures": joined.where(kept, _E.decided_at < max(approved, others), pictures),
            "copies": joined.where(_E.copy_gone_at == "", _E.decided_at < _before(days.copy_days)),
        }

    def _count(self, due: Select[Any]) -> int:
        with self.engine.connect() as connection:
            counted = select(func.count()).select_from(due.order_by(None).subquery())
            return connection.scalar(counted) or 0

    def _next(self, due: Select[Any]) -> Sequence[Row[Any]]:
        with self.engine.connect() as connection:
            return connection.execute(due.limit(BATCH)).all()

    def _delete_files(self, batch: Sequence[Row[Any]], ids: Sequence[str]) -> None:
        pictures = (row.picture for row in batch if not row.picture_gone_at and row.picture)
        delete_pictures(self.engine, self.pictures, pictures, set(ids))

    def _expire_pictures(self, batch: Sequence[Row[Any]], by: str) -> int:
        ids = [row.id for row in batch]
        self._delete_files(batch, ids)
        change = update(EVIDENCE).where(_E.decision_id.in_(ids), _E.picture_gone_at == "")
        with wiping(self.engine) as connection:
            gone = connection.execute(change.values(picture_gone_at=stamp())).rowcount
            append(connection, _deeds("pictures", gone, batch, by))
        return gone

    def _expire_copies(self, batch: Sequence[Row[Any]], by: str) -> int:
        ids = [row.id for row in batch]
        with wiping(self.engine) as connection:
            # Locked, so that another ledger that is at the same rows counts none of them.
            still = select(_E.decision_id).where(_E.decision_id.in_(ids), _E.copy_gone_at == "")
            due = list(connection.scalars(still.with_for_update()))
            forget_copy(connection, due, stamp())
            append(connection, _deeds("copies", len(due), batch, by))
        return len(due)

    def _expire_decisions(self, batch: Sequence[Row[Any]], by: str) -> int:
        ids = [row.id for row in batch]
        self._delete_files(batch, ids)
        with wiping(self.engine) as connection:
            gone = connection.execute(delete(DECISIONS).where(_D.id.in_(ids))).rowcount
            append(connection, _deeds("decisions", gone, batch, by))
        return gone


def _deeds(what: str, count: int, batch: Sequence[Row[Any]], by: str) -> list[Deed]:
    if not count:
        return []
    facts = {"count": count, "first": batch[0].id, "last": batch[-1].id}
    return [Deed("expired", what, by, facts)]


def _before(days: float) -> str:
    """What was decided before then is due; nothing is with 0 days."""
    return stamp(-days * _DAY_S) if days else ""


def _and(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *others = conditions
    for other in others:
        first = first & other
    return first


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """Whether no other ledger is at it. A SQLite database has one ledger."""
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.connect() as connection:
        mine = bool(
            connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        )
        yield mine
