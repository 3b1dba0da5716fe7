"""Erasure: everything personal about an ad, or about all ads of an advertiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, case, func, or_, select

from adjudicate.documents import Erasure
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.evidence import MOST_NAME
from executors.ledger.records.forgetting import (
    BATCH,
    delete_pictures,
    forget_all,
    wipe_log,
    wiping,
)
from executors.ledger.store import DECISIONS, EVIDENCE, LESSONS
from executors.ledger.times import stamp
from executors.shared.pictures import PictureStore

_MOST_EXEMPLARS = 1_000
_RECORDS = DECISIONS.outerjoin(EVIDENCE, EVIDENCE.c.decision_id == DECISIONS.c.id)
_NOT_YET = or_(DECISIONS.c.content_hash != "", EVIDENCE.c.erased_at == "")


@dataclass(frozen=True)
class Eraser:
    """Blocking: call it from a thread."""

    engine: Engine
    pictures: PictureStore

    def erase(self, asked: Erasure) -> Erasure:
        """Erase, or only count, what the document names, and say what that was.

        Decisions stay, with outcome, rule and times; so does the audit trail, which has entries
        more. What is interrupted can be sent again. Raises `AdError`: `invalid_field`, `not_found`
        where there is nothing of this name, and `OSError` when pictures cannot be deleted.
        """
        whose = _condition(asked)
        with self.engine.connect() as connection:
            answer = _counted(connection, asked, whose)
        if not answer.decisions:
            raise AdError(Code.NOT_FOUND, "there is nothing on record of this name")
        if asked.dry_run:
            return answer
        answer.decisions = answer.pictures = 0
        for batch in iter(lambda: self._next(whose), []):
            answer.pictures += self._erase(batch, asked)
            answer.decisions += len(batch)
        wipe_log(self.engine)
        return answer

    def _next(self, whose: ColumnElement[bool]) -> list[Any]:
        query = select(DECISIONS.c.id, EVIDENCE.c.picture).select_from(_RECORDS)
        query = query.where(whose, _NOT_YET).order_by(DECISIONS.c.number).limit(BATCH)
        with self.engine.connect() as connection:
            return list(connection.execute(query))

    def _erase(self, batch: Sequence[Any], asked: Erasure) -> int:
        ids = [row.id for row in batch]
        pictures = (row.picture for row in batch if row.picture)
        deleted = delete_pictures(self.engine, self.pictures, pictures, set(ids))
        facts = {"request": "ad" if asked.ad else "advertiser"}
        with wiping(self.engine) as connection:
            forget_all(connection, ids, stamp())
            append(connection, [Deed("erased", one, asked.by, facts) for one in ids])
        return deleted


def _condition(asked: Erasure) -> ColumnElement[bool]:
    if bool(asked.ad) == bool(asked.advertiser):
        raise AdError(Code.INVALID_FIELD, "name either an ad or an advertiser")
    if "\0" in asked.ad + asked.advertiser:
        raise AdError(Code.INVALID_FIELD, "a name has no NUL")
    if asked.ad:
        decisions = DECISIONS.c
        return or_(decisions.id == asked.ad, decisions.ad_id == asked.ad)
    return EVIDENCE.c.advertiser == asked.advertiser[:MOST_NAME]


def _counted(connection: Connection, asked: Erasure, whose: ColumnElement[bool]) -> Erasure:
    chosen = select(DECISIONS.c.id).select_from(_RECORDS).where(whose, _NOT_YET)
    ids = chosen.subquery()
    decisions = connection.scalar(select(func.count()).select_from(ids)) or 0
    alone, shared = _pictures(connection, whose)
    taught = select(LESSONS.c.exemplar_id).distinct()
    taught = taught.where(LESSONS.c.decision_id.in_(chosen), LESSONS.c.removed_at == "")
    exemplars = connection.scalars(taught.order_by(LESSONS.c.exemplar_id).limit(_MOST_EXEMPLARS))
    return Erasure(
        ad=asked.ad,
        advertiser=asked.advertiser,
        dry_run=asked.dry_run,
        by=asked.by,
        decisions=decisions,
        pictures=alone,
        pictures_held=shared,
        exemplars=list(exemplars),
    )


def _pictures(connection: Connection, whose: ColumnElement[bool]) -> tuple[int, int]:
    """Of the kept pictures those that only these decisions hold, and those that others hold too."""
    kept = (EVIDENCE.c.picture_gone_at == "", EVIDENCE.c.picture != "")
    named = select(EVIDENCE.c.picture).select_from(_RECORDS).where(whose, *kept)
    held = (
        select(func.count().label("all"), func.sum(case((whose, 1), else_=0)).label("own"))
        .select_from(_RECORDS)
        .where(EVIDENCE.c.picture.in_(named), *kept)
        .group_by(EVIDENCE.c.picture)
    ).subquery()
    own = func.sum(case((held.c.all == held.c.own, 1), else_=0))
    alone, total = connection.execute(select(own, func.count()).select_from(held)).one()
    return int(alone or 0), int(total) - int(alone or 0)
