"""What people change of held exemplars: switches of one and of whole banks, labels, notes; and the
log of who did so, when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine, Row, Select, case, func, select, update

from adjudicate.documents import Bank, Change, Exemplar
from adjudicate.errors import AdError, Code
from executors.library.changing import changing
from executors.library.rows import document, listing
from executors.library.schema import BANKS, CHANGES, EXEMPLARS

EDITED = ("category", "rule", "severity", "polarity", "bank", "note", "enabled")
"""What can be set on an exemplar that is held."""


class Curation:
    """Changes of exemplars and banks, each logged with who and when."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set(
        self,
        exemplar_id: str,
        fields: Mapping[str, Any],
        check: Callable[[Exemplar], None],
        *,
        by: str = "",
        why: str = "",
    ) -> Exemplar:
        """Set `fields`, some of `EDITED`, and return the exemplar as it is now.

        Raises `AdError` `not_found`, and what `check` raises for the exemplar as it would be.
        """
        one = listing(image=False).where(EXEMPLARS.c.id == exemplar_id, ~EXEMPLARS.c.removed)
        with changing(self._engine) as change:
            held = change.connection.execute(one).first()
            if held is None:
                raise AdError(Code.NOT_FOUND, "no exemplar has this id")
            new = {name: value for name, value in fields.items() if getattr(held, name) != value}
            if not new:
                return document(held)
            check(document(held).model_copy(update=new))
            if "bank" in new:
                change.make_banks([new["bank"]])
            change.connection.execute(
                update(EXEMPLARS)
                .where(EXEMPLARS.c.id == exemplar_id)
                .values(**new, revision=change.revision)
            )
            change.changed = True
            change.log(_said(held, new), by, why, ids=[exemplar_id])
            return document(change.connection.execute(one).one())

    def banks(self) -> list[Bank]:
        """Every bank with its counts, by name."""
        with self._engine.connect() as connection:
            return [_bank(row) for row in connection.execute(_BANKS)]

    def switch(self, name: str, enabled: bool | None, *, by: str = "", note: str = "") -> Bank:
        """Switch a bank, with all its exemplars, on or off; None only changes its note.

        A bank that is not there is made.
        """
        with changing(self._engine) as change:
            connection = change.connection
            held = connection.execute(select(BANKS).where(BANKS.c.name == name)).first()
            if held is None:
                change.make_banks([name])
            was_on = held is None or held.enabled
            on = was_on if enabled is None else enabled
            said = {"note": note, "changed_by": by, "changed_at": change.at}
            connection.execute(update(BANKS).where(BANKS.c.name == name).values(**said, enabled=on))
            if on != was_on:
                connection.execute(
                    update(EXEMPLARS)
                    .where(EXEMPLARS.c.bank == name)
                    .values(revision=change.revision)
                )
                change.changed = True
            what = ("switched on" if on else "switched off") if on != was_on else "noted"
            change.log(what, by, note, bank=name)
            return _bank(connection.execute(_BANKS.where(BANKS.c.name == name)).one())

    def log(self, limit: int, offset: int = 0, *, exemplar_id: str = "") -> list[Change]:
        """Who did what, the newest first; of one exemplar and its bank, or of all."""
        query = select(CHANGES).order_by(CHANGES.c.number.desc()).limit(limit).offset(offset)
        if exemplar_id:
            bank = select(EXEMPLARS.c.bank).where(EXEMPLARS.c.id == exemplar_id)
            query = query.where((CHANGES.c.exemplar_id == exemplar_id) | CHANGES.c.bank.in_(bank))
        names = ("exemplar_id", "bank", "what", "note", "by", "at")
        with self._engine.connect() as connection:
            return [
                Change(**{name: getattr(row, name) for name in names})
                for row in connection.execute(query)
            ]


_BANKS: Select[Any] = (
    select(
        *BANKS.columns,
        func.count(EXEMPLARS.c.id).label("exemplars"),
        func.count(case((~EXEMPLARS.c.enabled, 1))).label("disabled"),
    )
    .select_from(
        BANKS.outerjoin(EXEMPLARS, (EXEMPLARS.c.bank == BANKS.c.name) & ~EXEMPLARS.c.removed)
    )
    .group_by(*BANKS.columns)
    .order_by(BANKS.c.name)
)


def _bank(row: Row[Any]) -> Bank:
    names = ("name", "enabled", "note", "changed_by", "changed_at", "exemplars", "disabled")
    return Bank(**{name: getattr(row, name) for name in names})


def _said(held: Row[Any], new: Mapping[str, Any]) -> str:
    """`disabled`, `rule CN-AL-16 → CN-AL-18`, joined by commas."""
    parts = []
    for name in (name for name in EDITED if name in new):
        if name == "enabled":
            parts.append("enabled" if new[name] else "disabled")
        elif name == "note":
            parts.append("note")
        else:
            parts.append(f"{name} {getattr(held, name) or '-'} → {new[name] or '-'}")
    return ", ".join(parts)
