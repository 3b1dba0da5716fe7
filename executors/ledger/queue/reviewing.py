"""A person's answer, and what follows from it.

| stage | answer | then |
|---|---|---|
| first | violation or compliant, one person suffices | settled |
| first | violation or compliant, of a rule that takes two | second |
| second | as the first person | settled |
| second | not as the first person | lead |
| lead | violation or compliant | settled |
| first, second | skip | open as it was; a lead's when enough people skipped it |
| lead | skip | open as it was, for another lead |

An appeal takes one person, who has had no part in what it is about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from adjudicate.documents import Review, Ruling
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.queue.claims import check_lease, check_open, lock_case
from executors.ledger.queue.persons import ANSWERS, OPEN, check_person
from executors.ledger.queue.reading import review_of
from executors.ledger.queue.rulings import NO_LEASE, rulings_of
from executors.ledger.queue.settling import Settling, source_of
from executors.ledger.queue.tables import CASES, REVIEWS
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Outbox
from executors.shared.settings import QueueSettings

SKIP = "skip"
OUTCOME = {"violation": "reject", "compliant": "approve"}
"""What a settled case comes to."""

MOST_NOTE = 10_000
MOST_RULE = 200


@dataclass(frozen=True)
class Reviewing:
    """How answers are taken."""

    settings: QueueSettings
    outbox: Outbox

    def answer(self, connection: Connection, asked: Review) -> Review:
        """Record an answer, in the transaction of `connection`, and return it as it is held.

        Who gives the same answer again changes nothing, and gets the one held.

        Raises `AdError`: `not_found`, `case_settled`, `claimed_elsewhere`, `forbidden`,
        `other_person`, and `invalid_field` for an answer that is none or a skip without a reason.
        """
        _check(asked)
        case = lock_case(connection, asked.id or "")
        held = _held(connection, case, asked)
        if held is not None:
            return _after(connection, review_of(held), case)
        check_open(case)
        check_person(connection, case, asked.by, asked.role)
        check_lease(case, asked.by)
        return self._record(connection, case, asked)

    def _record(self, connection: Connection, case: Row[Any], asked: Review) -> Review:
        ruling = rulings_of(connection, [case.decision_id]).get(case.decision_id)
        rule = _rule(case, asked)
        at = stamp()
        stage = self._next_stage(connection, case, asked, rule)
        settling = Settling(connection, case, self.outbox)
        settled = settling.settle(_ruling(case, asked, rule, at)) if stage is None else None
        added = connection.execute(
            insert(REVIEWS).values(
                decision_id=case.decision_id,
                **{name: getattr(case, name) for name in ("round", "kind", "stage")},
                outcome=ruling.outcome if ruling else case.outcome,
                answer=asked.answer,
                rule=rule,
                note=asked.note,
                by=asked.by,
                by_name=asked.by_name,
                at=at,
                before=_before(case, ruling, settled),
                undone_at="",
                undone_by="",
            )
        )
        assert added.inserted_primary_key is not None
        number = added.inserted_primary_key[0]
        if stage is not None:
            this = CASES.c.decision_id == case.decision_id
            connection.execute(update(CASES).where(this).values(stage=stage, **NO_LEASE))
        row = connection.execute(select(REVIEWS).where(REVIEWS.c.number == number)).one()
        review = _after(connection, review_of(row), lock_case(connection, case.decision_id))
        append(connection, [_deed(review, row.round), *settling.deeds])
        return review

    def _next_stage(
        self, connection: Connection, case: Row[Any], asked: Review, rule: str
    ) -> str | None:
        """The stage that the case goes to; None when it is settled."""
        if asked.answer == SKIP:
            skipped = _people_who_skipped(connection, case) | {asked.by}
            return "lead" if len(skipped) >= self.settings.skips_to_lead else str(case.stage)
        if case.kind == "appeal" or case.stage == "lead":
            return None
        if case.stage == "first":
            return "second" if self._takes_two(case, asked, rule) else None
        return None if asked.answer == _first_answer(connection, case) else "lead"

    def _takes_two(self, case: Row[Any], asked: Review, rule: str) -> bool:
        # Where access is open nobody is another person.
        return asked.by != OPEN and any(
            fnmatchcase(code, pattern)
            for code in {rule, case.rule}
            for pattern in self.settings.second_review
        )


def _check(asked: Review) -> None:
    if asked.answer not in (*ANSWERS, SKIP):
        known = ", ".join((*ANSWERS, SKIP))
        detail = f"answer must be one of {known}, not {asked.answer[:20]!r}"
        raise AdError(Code.INVALID_FIELD, detail)
    for name, most in (("note", MOST_NOTE), ("rule", MOST_RULE)):
        if len(text := getattr(asked, name)) > most or "\0" in text:
            raise AdError(Code.INVALID_FIELD, f"{name} is too long, or has a NUL")
    if asked.answer == SKIP and not asked.note.strip():
        raise AdError(Code.INVALID_FIELD, "note: a skip needs a reason")


def _held(connection: Connection, case: Row[Any], asked: Review) -> Row[Any] | None:
    """The same answer, which this person gave before. Raises `AdError` `case_settled` where they
    gave another."""
    theirs = select(REVIEWS).where(
        REVIEWS.c.decision_id == case.decision_id,
        REVIEWS.c.by == asked.by,
        REVIEWS.c.round == case.round,
        REVIEWS.c.undone_at == "",
    )
    skipped = REVIEWS.c.stage == case.stage, REVIEWS.c.answer == SKIP
    kind = skipped if asked.answer == SKIP else (REVIEWS.c.answer.in_(ANSWERS),)
    row = connection.execute(theirs.where(*kind).order_by(REVIEWS.c.number.desc())).first()
    if row is None or (row.answer == asked.answer and row.rule == _rule(case, asked)):
        return row
    detail = f"you answered {row.answer} to decision {case.decision_id}: take that back first"
    raise AdError(Code.CASE_SETTLED, detail)


def _rule(case: Row[Any], asked: Review) -> str:
    return (asked.rule or str(case.rule)) if asked.answer == "violation" else ""


def _ruling(case: Row[Any], asked: Review, rule: str, at: str) -> Ruling:
    return Ruling(
        id=case.decision_id,
        outcome=OUTCOME[asked.answer],
        rule=rule,
        source=source_of(case),
        by=asked.by,
        by_name=asked.by_name,
        note=asked.note,
        at=at,
    )


def _before(case: Row[Any], ruling: Ruling | None, settled: dict[str, Any] | None) -> str:
    """For the undo. Nothing of the ad itself, nor what people wrote: an undo must not bring back
    what was erased meanwhile."""
    said = ("outcome", "rule", "source", "by", "by_name", "at")
    before = {name: getattr(ruling, name) for name in said} if ruling else None
    return json.dumps({"stage": case.stage, "ruling": before, "settled": settled})


def _people_who_skipped(connection: Connection, case: Row[Any]) -> set[str]:
    query = select(REVIEWS.c.by).where(
        REVIEWS.c.decision_id == case.decision_id,
        REVIEWS.c.round == case.round,
        REVIEWS.c.stage == case.stage,
        REVIEWS.c.answer == SKIP,
        REVIEWS.c.undone_at == "",
    )
    return set(connection.scalars(query))


def _first_answer(connection: Connection, case: Row[Any]) -> str | None:
    query = select(REVIEWS.c.answer).where(
        REVIEWS.c.decision_id == case.decision_id,
        REVIEWS.c.round == case.round,
        REVIEWS.c.stage == "first",
        REVIEWS.c.answer.in_(ANSWERS),
        REVIEWS.c.undone_at == "",
    )
    return connection.scalar(query)


def _after(connection: Connection, review: Review, case: Row[Any]) -> Review:
    ruling = rulings_of(connection, [case.decision_id]).get(case.decision_id)
    review.state_after = case.state if case.state == "settled" else case.stage
    review.outcome_after = ruling.outcome if ruling else case.outcome
    return review


def _deed(review: Review, round_: int) -> Deed:
    names = ("number", "kind", "stage", "answer", "rule", "state_after", "outcome_after")
    facts = {name: getattr(review, name) for name in names}
    return Deed("reviewed", review.id or "", review.by, {**facts, "round": round_})
