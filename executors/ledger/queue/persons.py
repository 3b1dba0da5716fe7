"""Who may answer which case."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, not_, or_, select

from adjudicate.errors import AdError, Code
from executors.ledger.queue.tables import CASES, REVIEWS, RULINGS

OPEN = "open"
"""Who asks where access is open: everybody, so that nobody is another person."""

LEADING = frozenset({"lead", "admin"})
"""Roles that a lead's cases take."""

ANSWERS = ("violation", "compliant")


def leads(role: str) -> bool:
    """Whether the role is a lead's."""
    return role in LEADING


def open_to(by: str, role: str) -> list[ColumnElement[bool]]:
    """What a case must be that `by` is given: of a stage that the role may answer, not skipped by
    them at this stage, and not answered by them before."""
    demands = [not_(_skipped(by))]
    if not leads(role):
        demands.append(CASES.c.stage != "lead")
    if by != OPEN:
        demands += [not_(_answered(by)), not_(_ruled(by))]
    return demands


def check_person(connection: Connection, case: Row[Any], by: str, role: str) -> None:
    """Raises `AdError` `forbidden` for a lead's case, and `other_person` for one that `by` has
    answered before, where it takes another person."""
    if case.stage == "lead" and not leads(role):
        raise AdError(Code.FORBIDDEN, "a case that reviewers disagree on, or skip, takes a lead")
    if by == OPEN:
        return
    this = CASES.c.decision_id == case.decision_id
    involved = or_(_answered(by), _ruled(by))
    if connection.scalar(select(CASES.c.decision_id).where(this, involved)) is not None:
        detail = f"you have answered decision {case.decision_id} before; it takes another person"
        raise AdError(Code.OTHER_PERSON, detail)


def _skipped(by: str) -> ColumnElement[bool]:
    return exists().where(
        *_theirs(by),
        REVIEWS.c.answer == "skip",
        REVIEWS.c.round == CASES.c.round,
        REVIEWS.c.stage == CASES.c.stage,
    )


def _answered(by: str) -> ColumnElement[bool]:
    """In this round; for an appeal in any: what is appealed against is then their own word."""
    return exists().where(
        *_theirs(by),
        REVIEWS.c.answer.in_(ANSWERS),
        or_(REVIEWS.c.round == CASES.c.round, CASES.c.kind == "appeal"),
    )


def _ruled(by: str) -> ColumnElement[bool]:
    theirs = exists().where(RULINGS.c.decision_id == CASES.c.decision_id, RULINGS.c.by == by)
    return and_(CASES.c.kind == "appeal", theirs)


def _theirs(by: str) -> tuple[ColumnElement[bool], ...]:
    return (
        REVIEWS.c.decision_id == CASES.c.decision_id,
        REVIEWS.c.by == by,
        REVIEWS.c.undone_at == "",
    )
