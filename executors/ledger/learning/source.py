"""The ad whose ruling is carried over to its near-duplicates, and where these are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, or_, select

from adjudicate.documents import Propagation
from adjudicate.errors import AdError, Code
from executors.ledger.learning.near import AT_ONCE, COLUMNS, Content
from executors.ledger.store import EVIDENCE, QUEUE, RULINGS

PAST_DAYS = 30
MOST_DAYS = 366

_COMPARED: list[Any] = [EVIDENCE.c[name] for name in COLUMNS]


@dataclass(frozen=True)
class Source:
    """A settled ad."""

    decision_id: str
    outcome: str
    rule: str
    content: Content


def source_of(connection: Connection, decision_id: str) -> Source:
    """The ad of this decision, and what a person ruled on it.

    Raises `AdError`: `not_found` for no such decision or one whose content is no longer kept,
    `not_settled` without a person's ruling.
    """
    query = select(RULINGS.c.outcome, RULINGS.c.rule, RULINGS.c.source)
    ruling = connection.execute(query.where(RULINGS.c.decision_id == decision_id)).first()
    evidence = connection.execute(
        select(*_COMPARED, EVIDENCE.c.erased_at).where(EVIDENCE.c.decision_id == decision_id)
    ).first()
    if evidence is None or evidence.erased_at:
        detail = f"there is no decision {decision_id[:50]!r}, or its content is no longer kept"
        raise AdError(Code.NOT_FOUND, detail)
    if ruling is None or ruling.source == "propagation":
        detail = f"nobody has settled decision {decision_id[:50]} yet"
        raise AdError(Code.NOT_SETTLED, detail)
    return Source(decision_id, ruling.outcome, ruling.rule, Content.of(evidence))


def queued(connection: Connection, source: Source) -> Iterator[Sequence[Row[Any]]]:
    """What can be compared of the open cases, in parts."""
    cases = EVIDENCE.join(QUEUE, QUEUE.c.decision_id == EVIDENCE.c.decision_id)
    query = select(*_COMPARED).select_from(cases).where(QUEUE.c.state == "open")
    yield from _parts(connection, query.where(_comparable(source)))


def past(
    connection: Connection, source: Source, since: str, until: str
) -> Iterator[Sequence[Row[Any]]]:
    """What can be compared of the decisions of a window, in parts."""
    at = EVIDENCE.c.decided_at
    query = select(*_COMPARED).where(at >= since, at < until, _comparable(source))
    yield from _parts(connection, query)


def window_of(asked: Propagation) -> tuple[str, str]:
    """From when to when past decisions are looked at: UTC, ISO 8601, as decisions have it.

    Raises `AdError` `invalid_field` for what is no time, or no window.
    """
    now = datetime.now(UTC)
    until = _moment(asked.until, "until") or now
    since = _moment(asked.since, "since") or until - timedelta(days=PAST_DAYS)
    if not timedelta(0) < until - since <= timedelta(days=MOST_DAYS):
        detail = f"since must be before until, by {MOST_DAYS} days at most"
        raise AdError(Code.INVALID_FIELD, detail)
    return since.isoformat(timespec="milliseconds"), until.isoformat(timespec="milliseconds")


def _moment(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        detail = f"{name} must be a time as 2026-01-31T12:00:00Z"
        raise AdError(Code.INVALID_FIELD, detail) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _comparable(source: Source) -> ColumnElement[bool]:
    content = source.content
    ways = [EVIDENCE.c.phash != ""] if content.phash else []
    ways += [EVIDENCE.c.picture == content.picture] if content.picture else []
    ways += [EVIDENCE.c.copy_hash == content.copy_hash] if content.copy_hash else []
    others = (EVIDENCE.c.decision_id != source.decision_id) & (EVIDENCE.c.erased_at == "")
    return others & or_(False, *ways)


def _parts(connection: Connection, query: Any) -> Iterator[Sequence[Row[Any]]]:
    streamed = connection.execution_options(yield_per=AT_ONCE)
    yield from streamed.execute(query).partitions()
