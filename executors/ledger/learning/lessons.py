"""Settled ads as exemplars: what is taught, by whom, and which exemplar came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, exists, insert, select, update

from adjudicate.documents import Lesson
from adjudicate.errors import AdError, Code
from executors.ledger.audit.trail import Deed, append
from executors.ledger.store import DECISIONS, EVIDENCE, LESSONS, RULINGS
from executors.ledger.times import stamp
from executors.shared.database import writing

BANKS = {"violation": "reviewed", "lookalike": "reviewed-lookalikes"}
"""Where what people teach is kept apart from what was imported: a bank is switched as a whole."""

_POLARITY = {"reject": "violation", "approve": "lookalike"}
_HELD = (*("exemplar_id", "polarity", "category", "rule", "bank", "repeats", "note"),)
_WHO = ("by", "by_name", "at", "removed_at")
_MOST_NOTE = 10_000
_MOST_NAME = 200
_REPEAT_S = 600.0


def exemplar_id_of(decision_id: str) -> str:
    """The id of the exemplar that comes of a decision, unless the library holds its content: to
    teach it twice adds it once."""
    return f"decision-{decision_id}"


@dataclass(frozen=True)
class Lessons:
    """The lessons in SQL. Blocking: call it from a thread."""

    engine: Engine

    def prepare(self, asked: Lesson) -> Lesson:
        """What the decision teaches: the one that stands, which has a time, or what there is to
        add. With `remove`, one that stands and says the opposite of what counts now.

        Raises `AdError`: `not_found`, `not_settled`, `invalid_field`.
        """
        _check(asked)
        with self.engine.connect() as connection:
            row = _material(connection, asked.id or "")
            polarity = _POLARITY[row.outcome]
            standing = _standing(connection, asked.id or "")
            if standing is not None:
                held = _document(standing)
                held.remove = held.polarity != polarity
                return held
        rule = asked.rule or (row.rule or row.decided_rule if polarity == "violation" else "")
        return Lesson(
            id=asked.id,
            exemplar_id=exemplar_id_of(asked.id or ""),
            polarity=polarity,
            category=asked.category or _category(json.loads(row.document), rule),
            rule=rule,
            bank=BANKS[polarity],
            text=row.text,
            picture=row.picture,
            note=asked.note,
            by=asked.by,
            by_name=asked.by_name,
        )

    def add(self, taught: Lesson) -> Lesson:
        """Record that an exemplar came of a decision, or was held before, as `repeats` says.

        Raises `AdError` `not_found`.
        """
        _check(taught)
        with writing(self.engine) as connection:
            _lock(connection, taught.id or "")
            standing = _standing(connection, taught.id or "")
            if standing is not None and standing.exemplar_id == taught.exemplar_id:
                return _document(standing)
            before = taught.repeats and taught.exemplar_id != exemplar_id_of(taught.id or "")
            values = {name: getattr(taught, name) for name in (*_HELD, "by", "by_name")}
            values |= {"decision_id": taught.id, "at": stamp(), "removed_at": "", "removed_by": ""}
            values["repeats"] = before and not _of_a_lesson(connection, taught.exemplar_id)
            connection.execute(insert(LESSONS).values(**values))
            append(connection, [_deed("taught", values, taught.by)])
            added = _standing(connection, taught.id or "")
        assert added is not None
        return _document(added)

    def remove(self, asked: Lesson) -> Lesson:
        """Take a decision's lesson back; `remove` says that its exemplar is to leave the library.
        One that was taken back a moment ago is answered again: the first answer may be lost.

        Raises `AdError` `not_found` where none stands.
        """
        _check(asked)
        with writing(self.engine) as connection:
            _lock(connection, asked.id or "")
            lesson = _standing(connection, asked.id or "") or _just_gone(connection, asked.id or "")
            if lesson is None:
                raise AdError(Code.NOT_FOUND, f"decision {asked.id} taught the library nothing")
            taken = _document(lesson)
            taken.remove = not lesson.repeats and not _taught_else(connection, lesson)
            if not taken.removed_at:
                taken.removed_at = stamp()
                values = {"removed_at": taken.removed_at, "removed_by": asked.by}
                mine = LESSONS.c.number == lesson.number
                connection.execute(update(LESSONS).where(mine).values(**values))
                append(connection, [_deed("untaught", lesson._mapping, asked.by)])
        return taken


def _material(connection: Connection, decision_id: str) -> Row[Any]:
    query: Select[Any] = (
        select(
            RULINGS.c.outcome,
            RULINGS.c.rule,
            RULINGS.c.source,
            DECISIONS.c.rule.label("decided_rule"),
            DECISIONS.c.document,
            EVIDENCE.c.text,
            EVIDENCE.c.picture,
            EVIDENCE.c.erased_at,
            EVIDENCE.c.copy_gone_at,
        )
        .select_from(
            DECISIONS.join(EVIDENCE, EVIDENCE.c.decision_id == DECISIONS.c.id).outerjoin(
                RULINGS, RULINGS.c.decision_id == DECISIONS.c.id
            )
        )
        .where(DECISIONS.c.id == decision_id)
    )
    row = connection.execute(query).first()
    if row is None or row.erased_at or row.copy_gone_at:
        detail = f"there is no decision {decision_id[:50]!r}, or its content is no longer kept"
        raise AdError(Code.NOT_FOUND, detail)
    if row.outcome is None or row.source == "propagation":
        detail = f"nobody has settled decision {decision_id[:50]} yet"
        raise AdError(Code.NOT_SETTLED, detail)
    return row


def _category(decision: Mapping[str, Any], rule: str) -> str:
    """Of the violation that the ad resembles most: of this rule, or else of any. Empty for none."""
    matches = [m for m in decision["matches"] or () if m["polarity"] == "violation"]
    of_rule = [m["category"] for m in matches if m["rule"] == rule and m["category"]]
    return next(iter([*of_rule, *(m["category"] for m in matches if m["category"])]), "")


def _standing(connection: Connection, decision_id: str) -> Row[Any] | None:
    query = select(LESSONS).where(LESSONS.c.decision_id == decision_id, LESSONS.c.removed_at == "")
    return connection.execute(query.order_by(LESSONS.c.number.desc()).limit(1)).first()


def _just_gone(connection: Connection, decision_id: str) -> Row[Any] | None:
    mine = LESSONS.c.decision_id == decision_id, LESSONS.c.removed_at > stamp(-_REPEAT_S)
    query = select(LESSONS).where(*mine)
    return connection.execute(query.order_by(LESSONS.c.number.desc()).limit(1)).first()


def _of_a_lesson(connection: Connection, exemplar_id: str) -> bool:
    """Whether an exemplar came of some decision, rather than being held before."""
    own = LESSONS.c.exemplar_id == exemplar_id, ~LESSONS.c.repeats
    return bool(connection.scalar(select(exists().where(*own))))


def _taught_else(connection: Connection, lesson: Row[Any]) -> bool:
    others = (
        LESSONS.c.exemplar_id == lesson.exemplar_id,
        LESSONS.c.removed_at == "",
        LESSONS.c.number != lesson.number,
    )
    return bool(connection.scalar(select(exists().where(*others))))


def _lock(connection: Connection, decision_id: str) -> None:
    """Two who teach the same decision come one after the other."""
    query = select(DECISIONS.c.id).where(DECISIONS.c.id == decision_id)
    query = query.with_for_update(key_share=True)
    if connection.scalar(query) is None:
        raise AdError(Code.NOT_FOUND, f"there is no decision {decision_id[:50]!r}")


def _document(row: Row[Any]) -> Lesson:
    said = {name: getattr(row, name) for name in (*_HELD, *_WHO)}
    return Lesson(id=row.decision_id, **said)


def _deed(what: str, lesson: Mapping[Any, Any], by: str) -> Deed:
    facts = {
        "exemplar": lesson["exemplar_id"],
        **{name: lesson[name] for name in ("polarity", "category", "rule", "bank", "repeats")},
    }
    return Deed(what, lesson["decision_id"], by, facts)


def _check(asked: Lesson) -> None:
    if not asked.id or "\0" in asked.id:
        raise AdError(Code.NOT_FOUND, "there is no decision without an id")
    for name, most in (("category", _MOST_NAME), ("rule", _MOST_NAME), ("note", _MOST_NOTE)):
        if len(text := getattr(asked, name)) > most or "\0" in text:
            raise AdError(Code.INVALID_FIELD, f"{name} is too long, or has a NUL")
