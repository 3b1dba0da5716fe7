"""Decisions by what they are about and what became of them, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Select, and_, func, select

from adjudicate.documents import DecisionRow
from adjudicate.errors import AdError, Code
from executors.ledger.records.asking import Ask
from executors.ledger.records.near import NearPictures
from executors.ledger.store import DECISIONS, EVIDENCE, RULINGS

EXCERPT = 200
"""Characters of the copy in a list."""
MOST_NEAR = 5_000
"""Near-duplicates of one picture that the other fields of an ask choose from: the nearest."""

CROSSED = 10_000
"""Numbers that two ledgers may give in another order than that of their times."""

_D, _E, _R = DECISIONS.c, EVIDENCE.c, RULINGS.c
_OF_EVIDENCE = ("letters", "picture", "phash", "copy_hash", "advertiser", "market", "product")
_NUMBER = "at"


@dataclass(frozen=True)
class Search:
    """Reads the tables. Blocking: call it from a thread."""

    engine: Engine
    near: NearPictures
    distance: int
    """Bits in which the PDQ hashes of near-duplicates may differ."""

    def rows(self, ask: Ask) -> list[DecisionRow]:
        """The decisions that the ask is for. Raises `AdError` `not_found` for an `after` that is
        no decision's id."""
        if ask.phash:
            return self._near(ask)
        with self.engine.connect() as connection:
            return [decision_row(row) for row in found(connection, ask)]

    def _near(self, ask: Ask) -> list[DecisionRow]:
        distances = dict(self.near.of(ask.phash, self.distance, MOST_NEAR))
        if ask.picture:  # these very bytes, though their hash may mean nothing
            distances |= dict.fromkeys(self._with_picture(ask.picture), 0)
        order = sorted(distances, key=lambda one: distances[one])
        if ask.after:
            order = _behind(order, ask.after)
        chosen: list[DecisionRow] = []
        query = _columns(with_evidence=True).where(*_conditions(ask, _E.number, near=True))
        with self.engine.connect() as connection:
            for start in range(0, len(order), 500):
                part = order[start : start + 500]
                rows = {row.id: row for row in connection.execute(query.where(_D.id.in_(part)))}
                chosen += (decision_row(rows[one], distances[one]) for one in part if one in rows)
                if len(chosen) >= ask.limit:
                    break
        return chosen[: ask.limit]

    def _with_picture(self, picture: str) -> list[str]:
        query = select(_E.decision_id).where(_E.picture == picture).order_by(_E.number.desc())
        with self.engine.connect() as connection:
            return list(connection.scalars(query.limit(MOST_NEAR)))


def found(connection: Connection, ask: Ask, *, oldest_first: bool = False) -> list[Row[Any]]:
    """The rows of an ask that is not for near-duplicates, one page of them.

    Raises `AdError` `not_found` for an `after` that is no decision's id.
    """
    with_evidence = any(getattr(ask, name) for name in _OF_EVIDENCE)
    number = _E.number if with_evidence else _D.number
    query = _columns(with_evidence).where(*_conditions(ask, number)).limit(ask.limit)
    if ask.after:
        last = _number_of(connection, ask.after, with_evidence)
        query = query.where(number > last if oldest_first else number < last)
    query = query.order_by(number if oldest_first else number.desc())
    parts = [connection.execute(part).all() for part in _by_ruling(query, ask)]
    rows = sorted(
        (row for part in parts for row in part),
        key=lambda row: getattr(row, _NUMBER),
        reverse=not oldest_first,
    )
    return rows[: ask.limit]


def decision_row(row: Row[Any], distance: int | None = None) -> DecisionRow:
    """The document of a row of `_columns`."""
    text = row.text or ""
    return DecisionRow(
        id=row.id,
        ad_id=row.ad_id,
        outcome=row.outcome,
        ruling_outcome=row.ruling_outcome or "",
        rule=row.ruling_rule or row.rule,
        reason=next(iter(json.loads(row.reasons)), ""),
        confidence=json.loads(row.document)["confidence"],
        **{name: getattr(row, name) or "" for name in ("advertiser", "market", "product")},
        language=row.language or "",
        excerpt=text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…",
        picture="" if row.picture_gone_at else row.picture or "",
        distance=distance,
        decided_at=row.decided_at,
    )


def _columns(with_evidence: bool) -> Select[Any]:
    joined = DECISIONS.outerjoin(EVIDENCE, _E.decision_id == _D.id)
    number = _D.number
    if with_evidence:
        # In this order: the table of evidence is then read from its end.
        joined = EVIDENCE.join(DECISIONS, _E.decision_id == _D.id)
        number = _E.number
    columns = (
        number.label(_NUMBER),
        *(_D[name] for name in ("id", "ad_id", "outcome", "rule", "reasons", "document")),
        _D.decided_at,
        _D.trace_id,
        *(_E[name] for name in ("text", "advertiser", "market", "product", "language", "context")),
        *(_E[name] for name in ("picture", "phash", "picture_gone_at", "erased_at")),
        _R.outcome.label("ruling_outcome"),
        _R.rule.label("ruling_rule"),
        _R.source.label("ruling_source"),
        _R.at.label("ruled_at"),
    )
    return select(*columns).select_from(joined.outerjoin(RULINGS, _R.decision_id == _D.id))


def _by_ruling(query: Select[Any], ask: Ask) -> list[Select[Any]]:
    """What people ruled counts before what was decided. Two queries, each by its own index."""
    if not ask.about_rulings:
        return [query]
    as_decided: list[ColumnElement[bool]] = [_R.decision_id.is_(None)]
    as_ruled: list[ColumnElement[bool]] = []
    if ask.outcome:
        as_decided.append(_D.outcome == ask.outcome)
        as_ruled.append(RULINGS.c.outcome == ask.outcome)
    if ask.rule:
        as_decided.append(_rule(_D.rule, ask.rule))
        as_ruled.append(_rule(RULINGS.c.rule, ask.rule))
    # By the rulings first, which are few: in a join every decision might be asked for its own.
    ruled = select(RULINGS.c.decision_id).where(*as_ruled)
    return [query.where(*as_decided), query.where(_D.id.in_(ruled))]


def _rule(column: ColumnElement[str], rule: str) -> ColumnElement[bool]:
    if rule.endswith("*"):
        return column.startswith(rule[:-1], autoescape=True)
    return column == rule


def _conditions(
    ask: Ask, number: Column[Any], *, near: bool = False
) -> Iterable[ColumnElement[bool]]:
    if ask.decision:
        # Each by its index: of an OR a planner may read the whole table in its order.
        by_id = select(_D.number).where(_D.id == ask.decision)
        yield _D.number.in_(by_id.union(select(_D.number).where(_D.ad_id == ask.decision)))
    if ask.letters:
        yield _E.letters.contains(ask.letters)  # letters and digits: nothing to escape
    if ask.picture and not near:
        yield _E.picture == ask.picture
    for name in ("copy_hash", "advertiser", "market", "product"):
        if value := getattr(ask, name):
            yield _E[name] == value
    if ask.since:
        yield _D.decided_at >= ask.since
        yield number >= _at(number, ask.since, first=True) - CROSSED
    if ask.until:
        yield _D.decided_at < ask.until
        yield number <= _at(number, ask.until, first=False) + CROSSED
    if near and ask.about_rulings:
        yield _counts(ask)


def _at(number: Column[Any], moment: str, *, first: bool) -> Any:
    """The number, of its table, of the first row from a moment on, or of the last one before it:
    so that what is asked for by its time is read from there."""
    decided_at = number.table.c.decided_at
    order = decided_at if first else decided_at.desc()
    side = decided_at >= moment if first else decided_at < moment
    return select(number).where(side).order_by(order).limit(1).scalar_subquery()


def _counts(ask: Ask) -> ColumnElement[bool]:
    """Of few rows: in one condition what `_by_ruling` asks in two queries."""
    kinds = [
        func.coalesce(_R.outcome, _D.outcome) == ask.outcome if ask.outcome else None,
        _rule(func.coalesce(_R.rule, _D.rule), ask.rule) if ask.rule else None,
    ]
    return and_(*(kind for kind in kinds if kind is not None))


def _number_of(connection: Connection, decision_id: str, with_evidence: bool) -> int:
    query = select(_D.number).where(_D.id == decision_id)
    if with_evidence:
        query = select(_E.number).where(_E.decision_id == decision_id)
    number = connection.scalar(query)
    if number is None:
        raise _unknown(decision_id)
    return int(number)


def _behind(order: list[str], last: str) -> list[str]:
    if last not in order:
        raise _unknown(last)
    return order[order.index(last) + 1 :]


def _unknown(decision_id: str) -> AdError:
    return AdError(Code.NOT_FOUND, f"after: there is no decision {decision_id[:50]!r} in the list")
