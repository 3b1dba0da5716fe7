"""An answer is taken back: the case is as it was, as long as nobody has built on the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from adjudicate.documents import Review
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.queue.claims import check_lease, lock_case
from executors.ledger.queue.persons import leads
from executors.ledger.queue.reading import review_of
from executors.ledger.queue.rulings import NO_LEASE, rulings_of
from executors.ledger.queue.settling import Settling
from executors.ledger.queue.tables import CASES, REVIEWS
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Fact, Outbox
from executors.shared.settings import QueueSettings

BuiltOn = Callable[[Connection, str], bool]
"""Whether something stands that follows from the ruling on a decision."""


@dataclass(frozen=True)
class Undoing:
    """How answers are taken back. `built_on`: see `BuiltOn`."""

    settings: QueueSettings
    outbox: Outbox
    built_on: BuiltOn = field(default=lambda connection, decision_id: False)

    def undo(self, connection: Connection, asked: Review) -> Review:
        """Take back the review of that number, else the caller's last of that decision, else their
        last of all, in the transaction of `connection`. The case is the caller's for a while.

        What was taken back already stays so.

        Raises `AdError`: `not_found`; `forbidden` for another's answer, but for a lead;
        `undo_refused` when it is too late or somebody has built on it; `claimed_elsewhere`.
        """
        row = _asked_for(connection, asked)
        case = lock_case(connection, row.decision_id)
        row = connection.execute(select(REVIEWS).where(REVIEWS.c.number == row.number)).one()
        if not row.undone_at:
            self._check(connection, case, row, asked)
            check_lease(case, asked.by)
            self._take_back(connection, case, row, asked)
            case = lock_case(connection, row.decision_id)
            row = connection.execute(select(REVIEWS).where(REVIEWS.c.number == row.number)).one()
        return _after(connection, row, case)

    def _check(
        self, connection: Connection, case: Row[Any], review: Row[Any], asked: Review
    ) -> None:
        if not leads(asked.role):
            if review.by != asked.by:
                raise AdError(Code.FORBIDDEN, "another's answer is taken back by a lead")
            if review.at < stamp(-self.settings.undo_s):
                minutes = self.settings.undo_s / 60
                raise _refused(f"it was given more than {minutes:g} minutes ago; ask a lead")
        if review.round != case.round:
            raise _refused("an appeal was made since")
        later = REVIEWS.c.decision_id == case.decision_id, REVIEWS.c.number > review.number
        if connection.scalar(select(REVIEWS.c.number).where(*later, REVIEWS.c.undone_at == "")):
            raise _refused("the case was answered or skipped since")
        if self.built_on(connection, case.decision_id):
            raise _refused("it was carried over to other ads; take that back first")

    def _take_back(
        self, connection: Connection, case: Row[Any], review: Row[Any], asked: Review
    ) -> None:
        before = json.loads(review.before)
        settling = Settling(connection, case, self.outbox)
        if before["settled"] is not None:
            settling.take_back(before["settled"], before["ruling"], asked.by)
        this = CASES.c.decision_id == case.decision_id
        lease = NO_LEASE | {
            "lease_by": asked.by,
            "lease_name": asked.by_name,
            "lease_until": stamp(self.settings.lease_s),
        }
        opened = {"stage": before["stage"], "state": "open", "settled_at": "", **lease}
        connection.execute(update(CASES).where(this).values(**opened))
        undone = {"undone_at": stamp(), "undone_by": asked.by}
        connection.execute(
            update(REVIEWS).where(REVIEWS.c.number == review.number).values(**undone)
        )
        facts: dict[str, Fact] = {"number": int(review.number), "of": str(review.by)}
        append(connection, [Deed("review_undone", case.decision_id, asked.by, facts)])


def _asked_for(connection: Connection, asked: Review) -> Row[Any]:
    query: Select[Any] = select(REVIEWS)
    if asked.number:
        query = query.where(REVIEWS.c.number == asked.number)
    else:
        # The last that is not taken back, or else the last: asking twice takes back one.
        query = query.where(REVIEWS.c.by == asked.by).order_by(REVIEWS.c.number.desc())
    if asked.id:
        query = query.where(REVIEWS.c.decision_id == asked.id)
    row = connection.execute(query.limit(1)).first()
    if row is None:
        raise AdError(Code.NOT_FOUND, "there is no answer of yours to take back")
    return row


def _after(connection: Connection, row: Row[Any], case: Row[Any]) -> Review:
    review = review_of(row)
    ruling = rulings_of(connection, [case.decision_id]).get(case.decision_id)
    review.state_after = case.state if case.state == "settled" else case.stage
    review.outcome_after = ruling.outcome if ruling else case.outcome
    return review


def _refused(why: str) -> AdError:
    return AdError(Code.UNDO_REFUSED, f"this answer stands: {why}")
