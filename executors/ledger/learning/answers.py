"""What people settled, counted: the one read that the figures on learning are made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Executable, and_, exists, func, select

from executors.ledger.learning.activity import REJECTED
from executors.ledger.store import (
    APPEALS,
    COUNTS,
    EVIDENCE,
    LESSONS,
    PROPAGATION_ITEMS,
    PROPAGATIONS,
    QUEUE,
    REVIEWS,
    RULINGS,
)

_HOUR = len("2026-01-31T23")


class Answer(NamedTuple):
    """What there is to know of a settled case."""

    outcome: str
    """The decision's."""
    rule: str
    """The ruling's, or else the decision's."""
    decided_rule: str
    audit: bool
    """Of the screen's audit sample."""
    verdict: str
    """The judge's."""
    ruling: str
    """`reject` or `approve`."""
    appealed: bool
    hour: str
    """Of the decision, for the audit sample; empty for others."""


class Audited(NamedTuple):
    """A part of the audit sample."""

    hour: str
    outcome: str


@dataclass(frozen=True)
class Answers:
    """Of the decisions of a window."""

    settled: Counter[Answer]
    """By people; what is settled with a near-duplicate is no answer."""
    rejected: Mapping[str, int]
    """Rejections by rule."""
    appealed: Mapping[str, int]
    """Of these, those that somebody appealed, by rule."""
    audit_rejected: Mapping[str, int]
    """Of these, those of the audit sample that nobody appealed, by rule."""
    passed: Mapping[tuple[str, str], int]
    """Ads that passed the screen, by hour and the share that was audited then."""
    audited: Mapping[Audited, int]
    appeals: Mapping[str, int]
    """Appeals that were decided, by state."""
    second: Mapping[bool, int]
    """Cases that two people answered, by whether they said the same."""
    taught: Mapping[str, int] = field(default_factory=dict)
    propagated: int = 0


def read_answers(connection: Connection, since: str) -> Answers:
    """Of the decisions since then (UTC, ISO 8601)."""
    passed: dict[tuple[str, str], int] = {}
    rejected: defaultdict[str, int] = defaultdict(int)
    counts = COUNTS.c
    query = select(counts.hour, counts.counted, counts.of, counts.ads)
    wanted = counts.counted.in_(["passed", REJECTED])
    for row in connection.execute(query.where(counts.hour >= since[:_HOUR], wanted)):
        if row.counted == REJECTED:
            rejected[row.of] += row.ads
        else:
            passed[row.hour, row.of] = row.ads
    return Answers(
        settled=_settled(connection, since),
        rejected=rejected,
        appealed=_rejects(connection, since, _APPEALED),
        audit_rejected=_rejects(connection, since, and_(QUEUE.c.audit == 1, ~_APPEALED)),
        passed=passed,
        audited=_audited(connection, since),
        appeals=_appeals(connection, since),
        second=_second(connection, since),
        taught=_taught(connection),
        propagated=_propagated(connection, since),
    )


_APPEALED: ColumnElement[bool] = exists().where(APPEALS.c.decision_id == QUEUE.c.decision_id)
_CASES = QUEUE.join(EVIDENCE, EVIDENCE.c.decision_id == QUEUE.c.decision_id)
_STATES = ("open", "settled")
"""All there are: with them an index leads to the window."""


def _settled(connection: Connection, since: str) -> Counter[Answer]:
    hour = func.substr(EVIDENCE.c.decided_at, 1, _HOUR)
    columns = (
        QUEUE.c.outcome,
        RULINGS.c.rule,
        QUEUE.c.rule.label("decided_rule"),
        QUEUE.c.audit,
        EVIDENCE.c.verdict,
        RULINGS.c.outcome.label("ruling"),
        _APPEALED.label("appealed"),
        hour.label("hour"),
    )
    joined = RULINGS.join(QUEUE, QUEUE.c.decision_id == RULINGS.c.decision_id).join(
        EVIDENCE, EVIDENCE.c.decision_id == RULINGS.c.decision_id
    )
    query = select(*columns, func.count().label("cases")).select_from(joined)
    # A ruling is later than its decision: by its time an index leads to the window.
    window = RULINGS.c.at >= since, EVIDENCE.c.decided_at >= since
    query = query.where(*window, RULINGS.c.source != "propagation").group_by(*columns)
    found: Counter[Answer] = Counter()
    for row in connection.execute(query):
        answer = Answer(
            row.outcome,
            row.rule or row.decided_rule,
            row.decided_rule,
            bool(row.audit),
            row.verdict,
            row.ruling,
            bool(row.appealed),
            row.hour if row.audit else "",
        )
        found[answer] += row.cases
    return found


def _rejects(connection: Connection, since: str, which: ColumnElement[bool]) -> dict[str, int]:
    query = select(QUEUE.c.rule, func.count()).select_from(_CASES)
    query = query.where(*_window(since), QUEUE.c.outcome == "reject", which)
    return _pairs(connection, query.group_by(QUEUE.c.rule))


def _audited(connection: Connection, since: str) -> dict[Audited, int]:
    hour = func.substr(EVIDENCE.c.decided_at, 1, _HOUR)
    query = select(hour, QUEUE.c.outcome, func.count()).select_from(_CASES)
    query = query.where(*_window(since), QUEUE.c.audit == 1).group_by(hour, QUEUE.c.outcome)
    rows = connection.execute(query)
    return {Audited(hour, outcome): count for hour, outcome, count in rows}


def _window(since: str) -> tuple[ColumnElement[bool], ...]:
    """Decided since then. A case is queued with its decision, or later: by that an index leads to
    the window."""
    queued = QUEUE.c.state.in_(_STATES), QUEUE.c.queued_at >= since
    return *queued, EVIDENCE.c.decided_at >= since


def _appeals(connection: Connection, since: str) -> dict[str, int]:
    query = select(APPEALS.c.state, func.count()).where(
        APPEALS.c.opened_at >= since, APPEALS.c.state != "open"
    )
    return _pairs(connection, query.group_by(APPEALS.c.state))


def _pairs(connection: Connection, query: Executable) -> dict[Any, int]:
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _second(connection: Connection, since: str) -> dict[bool, int]:
    first, second = REVIEWS.alias(), REVIEWS.alias()
    said = ("violation", "compliant")
    joined = second.join(
        first,
        (first.c.decision_id == second.c.decision_id) & (first.c.round == second.c.round),
    )
    agreed = (first.c.answer == second.c.answer).label("agreed")
    query = select(agreed, func.count()).select_from(joined)
    query = query.where(
        *(first.c.stage == "first", first.c.undone_at == "", first.c.answer.in_(said)),
        *(second.c.stage == "second", second.c.undone_at == "", second.c.answer.in_(said)),
        second.c.at >= since,
    )
    pairs = _pairs(connection, query.group_by(agreed))
    return {bool(one): count for one, count in pairs.items()}


def _taught(connection: Connection) -> dict[str, int]:
    exemplars = func.count(LESSONS.c.exemplar_id.distinct())
    query = select(LESSONS.c.polarity, exemplars).where(LESSONS.c.removed_at == "")
    return _pairs(connection, query.group_by(LESSONS.c.polarity))


def _propagated(connection: Connection, since: str) -> int:
    mine = PROPAGATION_ITEMS.c.propagation == PROPAGATIONS.c.number
    query = select(func.count()).select_from(PROPAGATION_ITEMS.join(PROPAGATIONS, mine))
    chosen = query.where(PROPAGATION_ITEMS.c.state == "applied", PROPAGATIONS.c.at >= since)
    return connection.scalar(chosen) or 0
